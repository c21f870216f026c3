"""Reading `--slot NAME=COUNT:cores=N[,…]`: one slot, and the kind of node that fills it. Pure.

Whether slots fit together is not decided here: see `lead_plan`.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from overspill_agent.agent_settings import TemplateSettings
from overspill_agent.deciding.slots import DEFAULT_TEMPLATE
from overspill_shared.errors import ConfigError
from overspill_shared.fields import Count, Gpus, Name
from overspill_shared.hostlist import MAX_HOSTS

EXAMPLE: Final = "burst-0=4:cores=4,gpus=0,template=hpc"
MACHINE_KEYS: Final = {"machine": "machine_type", "memory_mib": "memory_mib", "price": "price_usd_per_h"}
"""Keys that describe what is rented, and what the settings call them; `zone` may stand more than once."""


class SlotSpec(BaseModel):
    """One declared slot."""

    model_config = ConfigDict(frozen=True)

    name: Name
    size: Count
    cores: Count
    gpus: Gpus = 0
    template: Name = DEFAULT_TEMPLATE
    machine: TemplateSettings | None = Field(default=None, description="what is rented, where the operator says so")

    @property
    def hosts(self) -> tuple[str, ...]:
        """The slot's hosts in rank order: a pod's host name is its MiniCluster's name and its index."""
        return tuple(f"{self.name}-{index}" for index in range(min(self.size, MAX_HOSTS)))


def parse_slot(text: str) -> SlotSpec:
    """Read a slot as `--slot` spells it.

    Raises ConfigError that says what is wrong and shows an example.

    >>> parse_slot("burst-0=4:cores=8,template=hpc").hosts[-1]
    'burst-0-3'
    """
    head, _, tail = text.partition(":")
    name, has_size, size = head.partition("=")
    if not has_size:
        raise _wrong(text, "it is NAME=COUNT:cores=N")
    keys = _parse_keys(text, tail)
    values: dict[str, Any] = {"name": name, "size": size}
    values |= {key: keys.pop(key) for key in ("cores", "gpus", "template") if key in keys}
    machine = {MACHINE_KEYS.get(key, key): value for key, value in keys.items()}
    if machine:
        machine |= {key: values[key] for key in ("cores", "gpus") if key in values}
        values["machine"] = machine
    try:
        return SlotSpec.model_validate(values)
    except ValidationError as exc:
        problems = "; ".join(_problem(item) for item in exc.errors(include_url=False, include_input=False))
        raise _wrong(text, problems) from None


def _parse_keys(text: str, tail: str) -> dict[str, Any]:
    """Give the keys behind the colon, `zone` gathered as `zones`."""
    keys: dict[str, Any] = {}
    for pair in filter(None, tail.split(",")):
        key, equals, value = pair.partition("=")
        if not equals or key not in {"cores", "gpus", "template", "zone", *MACHINE_KEYS}:
            raise _wrong(text, f"{pair!r} is not one of cores=, gpus=, template=, machine=, memory_mib=, zone=, price=")
        if key == "zone":
            keys.setdefault("zones", []).append(value)
        elif key in keys:
            raise _wrong(text, f"{key} stands twice")
        else:
            keys[key] = value
    return keys


def _problem(item: Any) -> str:
    names = {field: key for key, field in MACHINE_KEYS.items()} | {"zones": "zone", "size": "COUNT", "name": "NAME"}
    key = names.get(str(item["loc"][-1]), str(item["loc"][-1]))
    return f"{key} is missing" if item["type"] == "missing" else f"{key}: {item['msg']}"


def _wrong(text: str, problem: str) -> ConfigError:
    return ConfigError(
        f"--slot {text[:120]}: {problem}.",
        remedy=f"Write it as {EXAMPLE}: name, most nodes, and the nodes' true cores and GPUs.",
        code="init-slot",
    )
