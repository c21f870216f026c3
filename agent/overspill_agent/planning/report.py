"""A plan for a person: a table. Values in, a table out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.markup import escape
from rich.table import Table

from overspill_agent.deciding.decisions import DecisionKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from overspill_agent.deciding.decisions import Decision

SHOWN_JOBS: Final = 5


def as_table(decisions: Iterable[Decision], ids: Sequence[int | str] | None = None) -> Table:
    """Give decisions as a table; `ids` are the jobs' own, by their numbers."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("WHAT", "CODE", "JOBS", "NODES", "WHERE", "USD", "ETA", "WHY"):
        table.add_column(heading, overflow="fold")
    for decision in decisions:
        table.add_row(
            f"[{_COLOURS.get(decision.kind, 'default')}]{decision.kind.value}[/]",
            decision.code.value,
            escape(_jobs(decision.jobs, ids)),
            "" if decision.nodes is None else str(decision.nodes),
            escape(" ".join(part for part in (decision.slot, decision.template, decision.zone) if part)),
            "" if decision.reserve_usd is None else f"{decision.reserve_usd:.2f}",
            "" if decision.eta_p50_s is None else f"{decision.eta_p50_s:.0f}-{decision.eta_p90_s:.0f} s",
            escape(decision.reason),
        )
    return table


def as_text(job: str, decision: Decision) -> str:
    """Give what is decided of one job as lines."""
    lines = [f"{job}: {decision.kind.value}, {decision.code.value}", f"  why: {decision.reason}"]
    where = " ".join(part for part in (decision.slot, decision.template, decision.zone) if part)
    others = len(decision.jobs) - 1
    eta = None if decision.eta_p50_s is None else f"{decision.eta_p50_s:.0f} s (p90 {decision.eta_p90_s:.0f} s)"
    facts = (
        ("nodes", decision.nodes),
        ("where", where or None),
        ("burst", decision.burst_id),
        ("reserved", None if decision.reserve_usd is None else f"${decision.reserve_usd:.2f}"),
        ("ready in", eta),
        ("with it", f"{others} more jobs" if others else None),
    )
    return "\n".join([*lines, *(f"  {name}: {value}" for name, value in facts if value is not None)])


_COLOURS = {
    DecisionKind.REQUEST: "green",
    DecisionKind.GROW: "green",
    DecisionKind.HOLD: "yellow",
    DecisionKind.DRAIN: "red",
    DecisionKind.TEARDOWN: "red",
}


def _jobs(jobs: Sequence[int], ids: Sequence[int | str] | None) -> str:
    names = [str(job if ids is None else ids[job]) for job in jobs[:SHOWN_JOBS]]
    more = f" and {len(jobs) - SHOWN_JOBS} more" if len(jobs) > SHOWN_JOBS else ""
    return ", ".join(names) + more
