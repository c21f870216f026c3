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
