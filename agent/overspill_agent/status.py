"""`overspill status`: the bursts of an instance, read from its KVS, as a table or as JSON. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from overspill_agent.store import parse_state
from overspill_shared import names
from overspill_shared.lifecycle import BurstState

if TYPE_CHECKING:
    from overspill_agent.bursts import Burst
    from overspill_agent.ports import FluxInstance


def read_bursts(instance: FluxInstance) -> tuple[Burst, ...]:
    """Give the instance's bursts, newest first.

    Raises ConfigError if the KVS holds what this version cannot read.
    """
    bursts, _requests = parse_state(instance.read_state())
    return tuple(sorted(bursts.values(), key=lambda burst: -burst.generation))


def as_json(bursts: tuple[Burst, ...], now: float) -> dict[str, Any]:
    """Give the status for scripts."""
    return {
        "bursts": [
            {
                "burst_id": burst.burst_id,
                "cluster": names.cluster_name(burst.burst_id),
                "state": burst.state.value,
                "state_s": round(now - burst.since, 1),
                "age_s": round(now - burst.created_at, 1),
                "slot": burst.slot,
                "template": burst.template,
                "zone": burst.zone,
                "nodes": burst.size,
                "ranks": burst.ranks_idset,
                "jobs": list(burst.jobs),
                "reason": burst.reason,
                "lease_expires_at": burst.lease_expires_at,
                "hard_end_at": burst.hard_end_at,
                "left": list(burst.left),
                "error": burst.error.model_dump(mode="json", by_alias=True) if burst.error else None,
                "history": [entry.model_dump(mode="json") for entry in burst.history],
            }
            for burst in bursts
        ]
    }


def as_table(bursts: tuple[Burst, ...], now: float) -> Table:
    """Give the status for a person."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("CLUSTER", "STATE", "FOR", "SLOT", "NODES", "RANKS", "ZONE", "LEASE", "JOBS", "WHY"):
        table.add_column(heading, overflow="fold")
    for burst in bursts:
        table.add_row(
            names.cluster_name(burst.burst_id),
            f"[{_COLOURS.get(burst.state, 'default')}]{burst.state.value}[/]",
            _duration(now - burst.since),
            burst.slot,
            str(burst.size),
            burst.ranks_idset,
            burst.zone,
            _lease(burst, now),
            str(len(burst.jobs)),
            escape(_why(burst)),
        )
    return table


_COLOURS = {BurstState.ACTIVE: "green", BurstState.FAILED: "red", BurstState.GONE: "dim"}


def _why(burst: Burst) -> str:
    """Say what a person should know first: what still costs money, what went wrong, what happened last."""
    if burst.left:
        return f"still there: {', '.join(burst.left)}"
    if burst.error:
        return burst.error.text
    return burst.history[-1].cause if burst.history else burst.reason


def _lease(burst: Burst, now: float) -> str:
    """Give what is left of a burst's lease; nothing renews that of one which failed, or is on its way out."""
    if burst.lease_expires_at is None or burst.state is BurstState.GONE:
        return "-"
    return _duration(burst.lease_expires_at - now) if burst.lease_expires_at > now else "lapsed"


def _duration(seconds: float) -> str:
    """Give a duration as kubectl does: the two largest units.

    >>> _duration(5), _duration(125), _duration(7300)
    ('5s', '2m5s', '2h1m')
    """
    whole = max(0, int(seconds))
    if whole < 60:  # noqa: PLR2004
        return f"{whole}s"
    if whole < 3600:  # noqa: PLR2004
        return f"{whole // 60}m{whole % 60}s"
    return f"{whole // 3600}h{whole % 3600 // 60}m"
