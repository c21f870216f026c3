"""Bursts in the instance's KVS, below `overspill.`: written before anything is published, read again after a restart.

Keys: `schema` (version of this layout), `bursts.<burst_id>` (the record), `requests.<burst_id>` (the message as it was
published, its keys sealed, so that a repetition is the same to the byte), `ledger` (what was spent, and learned). No
other database exists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from overspill_agent.bursts import Burst
from overspill_agent.ledger import Ledger
from overspill_shared.errors import ConfigError
from overspill_shared.lifecycle import BurstState
from overspill_shared.messages import BurstRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_agent.deciding.latency import Experience
    from overspill_agent.deciding.spending import Spent
    from overspill_agent.ports import FluxInstance

SCHEMA: Final = 1
KEPT_GONE: Final = 20
"""Bursts that are gone and still on record: `overspill status` shows them, and jobs that did not start there rest."""


R = TypeVar("R", bound=BaseModel)


class BurstStore:
    """The records, in memory and in the KVS."""

    def __init__(self, instance: FluxInstance) -> None:
        self._instance = instance
        self._bursts: dict[str, Burst] = {}
        self._requests: dict[str, BurstRequest] = {}
        self._ledger = Ledger()
        self._history: tuple[Experience, ...] = ()
        self._spent: tuple[Spent, ...] = ()

    @property
    def history(self) -> tuple[Experience, ...]:
        """How the starts of earlier bursts went."""
        return self._history

    @property
    def spent(self) -> tuple[Spent, ...]:
        """What earlier bursts have cost."""
        return self._spent

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
        state = self._instance.read_state()
        self._bursts, self._requests = parse_state(state)
        self._keep(parse_ledger(state))

    def save(self, *bursts: Burst, request: BurstRequest | None = None) -> None:
        """Write records, in one commit; records of the oldest bursts that are gone are dropped."""
        changes: dict[str, Any] = {"schema": SCHEMA}
        if request is not None:
            changes[f"requests.{request.burst_id}"] = request.model_dump(mode="json", by_alias=True)
        for burst in bursts:
            changes[f"bursts.{burst.burst_id}"] = burst.model_dump(mode="json", by_alias=True)
            if burst.state is BurstState.GONE:
                changes[f"requests.{burst.burst_id}"] = None
        ledger = self._ledger
        for burst in bursts:
            ledger = ledger.after(self._bursts.get(burst.burst_id), burst)
        if ledger is not self._ledger:
            changes["ledger"] = ledger.model_dump(mode="json")
        updated = {**self._bursts, **{burst.burst_id: burst for burst in bursts}}
        for burst in _surplus(updated):
            changes[f"bursts.{burst.burst_id}"] = None
            del updated[burst.burst_id]
        self._instance.write_state(changes)
        self._bursts = updated
        self._keep(ledger)
        if request is not None:
            self._requests[request.burst_id] = request
        for burst in bursts:
            if burst.state is BurstState.GONE:
                self._requests.pop(burst.burst_id, None)

    def _keep(self, ledger: Ledger) -> None:
        """Keep a ledger, and as values what each turn asks of it: it changes far more seldom."""
        if ledger is not self._ledger:
            self._ledger, self._history, self._spent = ledger, ledger.history_values(), ledger.spent_values()


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
    return _parse_below("bursts.", Burst, state), _parse_below("requests.", BurstRequest, state)


def parse_ledger(state: Mapping[str, Any]) -> Ledger:
    """Read the ledger from KVS values; there is none yet where nothing was spent or learned.

    Raises ConfigError if it is damaged.
    """
    try:
        return Ledger.model_validate(state.get("ledger") or {})
    except ValidationError as exc:
        raise _damaged("ledger", exc) from None


def _parse_below(prefix: str, model: type[R], state: Mapping[str, Any]) -> dict[str, R]:
    """Read the values below a prefix, by the rest of their key: a burst's id."""
    records = {}
    for key, value in state.items():
        if key.startswith(prefix):
            try:
                records[key.removeprefix(prefix)] = model.model_validate(value)
            except ValidationError as exc:
                raise _damaged(key, exc) from None
    return records


def _damaged(key: str, error: ValidationError) -> ConfigError:
    found = error.errors(include_url=False, include_input=False)[:5]
    fields = ", ".join(".".join(map(str, item["loc"])) or item["msg"] for item in found)
    return ConfigError(
        f"the KVS holds a damaged burst record, overspill.{key} ({fields}).",
        remedy=f"Look at it with `flux kvs get overspill.{key}`; remove it once its cluster is surely gone.",
        code="state-damaged",
    )


def _surplus(bursts: Mapping[str, Burst]) -> list[Burst]:
    """Give the oldest bursts that are gone and need nothing any more."""
    gone = sorted((b for b in bursts.values() if b.state is BurstState.GONE), key=lambda b: b.generation)
    oldest = gone[: max(0, len(gone) - KEPT_GONE)]
    return [burst for burst in oldest if not (burst.drained_ranks or burst.owes_teardown)]
