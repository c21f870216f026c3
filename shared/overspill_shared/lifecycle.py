"""The life of a burst, as one literal table.

RULES: every state, every move and every cause stands here and nowhere else. `advance` is the only way to change a
state; a move that the table lacks raises and changes nothing. docs/lifecycle.md is written from this table.
What a state makes somebody do is not said here: that is the agent's and the functions' business.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from overspill_shared.errors import IllegalTransition

if TYPE_CHECKING:
    from collections.abc import Mapping


class BurstState(StrEnum):
    """Where a burst stands, as the agent sees it."""

    REQUESTED = "REQUESTED"
    """Recorded in the instance's KVS and published; nobody has answered."""
    PROVISIONING = "PROVISIONING"
    """The provision function took it up: a cluster is on its way."""
    JOINING = "JOINING"
    """The MiniCluster exists: its brokers are on their way to the lead."""
    ACTIVE = "ACTIVE"
    """The lead's own overlay shows the ranks online: jobs run there."""
    DRAINING = "DRAINING"
    """Its ranks take no new work; what runs there may end; then its brokers are told to leave."""
    TEARING_DOWN = "TEARING_DOWN"
    """The teardown was asked for; whatever costs money may still be there."""
    FAILED = "FAILED"
    """It did not become what it should; something that costs money may be there, so teardown follows."""
    GONE = "GONE"
    """The cloud said that nothing is left. Final."""


_S = BurstState

TRANSITIONS: Final[Mapping[BurstState, Mapping[BurstState, str]]] = MappingProxyType(
    {
        _S.REQUESTED: {
            _S.PROVISIONING: "the provision function accepted the request, or reports work on it",
            _S.FAILED: "the function reports a failure, no answer came by the join deadline, or its money is used up",
            _S.GONE: "the request was rejected: nothing was created",
        },
        _S.PROVISIONING: {
            _S.JOINING: "the MiniCluster was created, its pods are ready, or its first rank is online",
            _S.FAILED: "the function reports a failure, the join deadline passed, or its money is used up",
        },
        _S.JOINING: {
            _S.ACTIVE: "the lead's overlay shows the wanted ranks online (or a partial join that policy accepts)",
            _S.FAILED: "the function reports a failure, or ranks are missing at the join deadline",
        },
        _S.ACTIVE: {
            _S.DRAINING: "idle past its time-out, or near the end of its lifetime or of its money",
            _S.FAILED: "its ranks were lost and did not come back in time",
        },
        _S.DRAINING: {
            _S.ACTIVE: "demand returned before its brokers were told to leave",
            _S.TEARING_DOWN: "nothing runs on its ranks and its brokers have left, or their time to leave is over",
            _S.FAILED: "its ranks were lost while they drained",
        },
        _S.FAILED: {
            _S.TEARING_DOWN: "always: a failed burst may have left something that costs money",
        },
        _S.TEARING_DOWN: {
            _S.GONE: "the teardown function reports that nothing is left",
        },
        _S.GONE: {},
    }
)
"""State -> the states that may follow, each with its cause."""

NOT_RUNNING: Final = frozenset({_S.TEARING_DOWN, _S.FAILED, _S.GONE})
"""States in which the burst is no capacity, nor on its way to be."""


def advance(state: BurstState, to: BurstState) -> BurstState:
    """Give `to`, if the table allows the move.

    Raises IllegalTransition otherwise. A stale or repeated event is no reason to call this: the caller
    recognises it first and logs a no-op.
    """
    if to not in TRANSITIONS[state]:
        allowed = ", ".join(sorted(TRANSITIONS[state])) or "nothing"
        raise IllegalTransition(f"a burst cannot go from {state} to {to}: only to {allowed}")
    return to


def markdown() -> str:
    """Give docs/lifecycle.md: the states, a diagram and the causes, straight from the table."""
    lines = [
        "# Lifecycle of a burst",
        "",
        "Generated from `shared/overspill_shared/lifecycle.py` by `make docs`; edit the table there.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> REQUESTED",
        *(f"    {state} --> {to}" for state, moves in TRANSITIONS.items() for to in moves),
        "    GONE --> [*]",
        "```",
        "",
        "| from | to | cause |",
        "|---|---|---|",
        *(f"| {state} | {to} | {cause} |" for state, moves in TRANSITIONS.items() for to, cause in moves.items()),
        "",
        "An event that arrives late, twice or out of order moves nothing: it is logged as a no-op. An event about work",
        "on a burst that is TEARING_DOWN or GONE makes the agent publish its teardown request again, for then",
        "something may exist that nobody else would remove.",
    ]
    return "\n".join(lines) + "\n"
