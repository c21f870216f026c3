"""What is added to a jobspec at its submission: its queue, and the constraint that keeps home and burst ranks apart.

With `[queues]` in broker.toml this is what Flux does with the ingest plugins that Overspill ships. Without them a job
that has no constraint of its own gets one: a burstable job runs on burst ranks, any other at home. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from overspill_local.standin.jobspec import is_burstable, system_attributes
from overspill_local.standin.protocol import invalid

BURST: Final = "burst"
"""The property of a slot's ranks in R, and the queue that requires it."""


def prepare(jobspec: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Give the jobspec with queue and constraint.

    Raises Refused (EINVAL) if it names a queue that the configuration has not.
    """
    system = dict(system_attributes(jobspec))
    queues = _table(config, "queues")
    if queues:
        queue = system.get("queue") or _default_queue(jobspec, config)
        if queue not in queues:
            raise invalid(f"Invalid queue '{queue}' specified")
        system["queue"] = queue
        requires = [{"properties": list(requires)}] if (requires := _table(queues, queue).get("requires")) else []
    else:
        requires = (
            [] if system.get("constraints") else [{"properties": [BURST if is_burstable(jobspec) else f"^{BURST}"]}]
        )
    terms = ([system["constraints"]] if system.get("constraints") else []) + requires
    if terms:
        system["constraints"] = terms[0] if len(terms) == 1 else {"and": terms}
    return {**jobspec, "attributes": {**_table(jobspec, "attributes"), "system": system}}


def _default_queue(jobspec: Mapping[str, Any], config: Mapping[str, Any]) -> Any:
    if is_burstable(jobspec) and BURST in _table(config, "queues"):
        return BURST
    table = config
    for key in ("policy", "jobspec", "defaults", "system"):
        table = _table(table, key)
    return table.get("queue")


def _table(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = config.get(name, {})
    return table if isinstance(table, Mapping) else {}
