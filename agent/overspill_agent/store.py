"""Bursts in the instance's KVS, below `overspill.`: written before anything is published, read again after a restart.

Keys: `schema` (version of this layout), `bursts.<burst_id>` (the record), `requests.<burst_id>` (the message as it was
published, its keys sealed, so that a repetition is the same to the byte). No other database exists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from overspill_agent.bursts import Burst
from overspill_shared.errors import ConfigError
from overspill_shared.lifecycle import BurstState
from overspill_shared.messages import BurstRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_agent.ports import FluxInstance

SCHEMA: Final = 1
KEPT_GONE: Final = 20
"""Bursts that are gone and still shown by `overspill status`; also what cool-down looks back on."""


class BurstStore:
    """The records, in memory and in the KVS."""

    def __init__(self, instance: FluxInstance) -> None:
        self._instance = instance
        self._bursts: dict[str, Burst] = {}
        self._requests: dict[str, BurstRequest] = {}

    @property
    def bursts(self) -> tuple[Burst, ...]:
        """Every record, oldest first."""
        return tuple(sorted(self._bursts.values(), key=lambda burst: burst.generation))

    def get(self, burst_id: str) -> Burst | None:
        """Give one record."""
        return self._bursts.get(burst_id)

    def request_of(self, burst_id: str) -> BurstRequest | None:
        """Give the message that asked for a burst; None once it is gone."""
        return self._requests.get(burst_id)

    def load(self) -> None:
        """Read everything.

        Raises ConfigError if the records are another version's, or damaged.
        """
        self._bursts, self._requests = parse_state(self._instance.read_state())

    def save(self, *bursts: Burst, request: BurstRequest | None = None) -> None:
        """Write records, in one commit; records of the oldest bursts that are gone are dropped."""
        changes: dict[str, Any] = {"schema": SCHEMA}
        if request is not None:
            changes[f"requests.{request.burst_id}"] = request.model_dump(mode="json", by_alias=True)
        for burst in bursts:
            changes[f"bursts.{burst.burst_id}"] = burst.model_dump(mode="json", by_alias=True)
            if burst.state is BurstState.GONE:
                changes[f"requests.{burst.burst_id}"] = None
        updated = {**self._bursts, **{burst.burst_id: burst for burst in bursts}}
        for burst in _surplus(updated):
            changes[f"bursts.{burst.burst_id}"] = None
            del updated[burst.burst_id]
        self._instance.write_state(changes)
        self._bursts = updated
        if request is not None:
            self._requests[request.burst_id] = request
        for burst in bursts:
            if burst.state is BurstState.GONE:
                self._requests.pop(burst.burst_id, None)


def parse_state(state: Mapping[str, Any]) -> tuple[dict[str, Burst], dict[str, BurstRequest]]:
    """Read records and requests from KVS values.

    Raises ConfigError if they are another version's, or damaged.
    """
    schema = state.get("schema", SCHEMA)
    if schema != SCHEMA:
        raise ConfigError(
            f"the KVS holds Overspill's state of layout {schema}, this version reads {SCHEMA}.",
            remedy="Run the version of the agent that wrote it until its bursts are gone.",
            code="state-schema",
        )
    try:
        bursts = {
            key.removeprefix("bursts."): Burst.model_validate(value)
            for key, value in state.items()
            if key.startswith("bursts.")
        }
        requests = {
            key.removeprefix("requests."): BurstRequest.model_validate(value)
            for key, value in state.items()
            if key.startswith("requests.")
        }
    except ValidationError as exc:
        fields = ", ".join(".".join(map(str, item["loc"])) for item in exc.errors(include_input=False)[:5])
        raise ConfigError(
            f"the KVS holds a damaged burst record (fields {fields}).",
            remedy="Look at it with `flux kvs dir -R overspill`; remove it once its cluster is surely gone.",
            code="state-damaged",
        ) from None
    return bursts, requests


def _surplus(bursts: Mapping[str, Burst]) -> list[Burst]:
    gone = sorted((b for b in bursts.values() if b.state is BurstState.GONE), key=lambda b: b.generation)
    return [burst for burst in gone[: max(0, len(gone) - KEPT_GONE)] if not burst.has_drained]
