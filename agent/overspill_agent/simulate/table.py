"""The figures of several policies side by side, for people. It prints; the figures are `report`'s."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table

from overspill_agent.simulate.report import Summary, in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROWS: Final[Sequence[tuple[str, Callable[[Summary], str]]]] = (
    ("wait, mean", lambda s: in_words(s.wait_mean_s)),
    ("wait, p50", lambda s: in_words(s.wait_p50_s)),
    ("wait, p95", lambda s: in_words(s.wait_p95_s)),
    ("wait, longest", lambda s: in_words(s.wait_max_s)),
    ("cost", lambda s: "unknown" if s.cost_usd is None else f"{s.cost_usd:,.2f} USD"),
    ("  counted by the agent", lambda s: f"{s.counted_usd:,.2f} USD"),
    ("cluster-hours", lambda s: f"{s.cluster_h:,.1f}"),
    ("node-hours paid", lambda s: f"{s.node_h_paid:,.1f}"),
    ("node-hours used", lambda s: f"{s.node_h_used:,.1f}"),
    ("bursts", lambda s: f"{s.bursts:,}"),
    ("  never came up", lambda s: f"{s.bursts_failed:,}"),
    ("  leaked", lambda s: f"{s.bursts_leaked:,}"),
    ("jobs done", lambda s: f"{s.jobs_done:,}"),
    ("  on bursts", lambda s: f"{s.jobs_on_bursts:,}"),
    ("jobs killed", lambda s: f"{s.jobs_killed:,}"),
    ("jobs refused", lambda s: f"{s.jobs_refused:,}"),
    ("jobs never started", lambda s: f"{s.jobs_unstarted:,}"),
)
_ALWAYS_SHOWN: Final = 14
"""Rows after these are shown only where one policy has something to say."""


def as_table(summaries: Sequence[Summary]) -> Table:
    """Give a table of a column for each policy."""
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for summary in summaries:
        table.add_column(summary.policy, justify="right", overflow="fold")
    for place, (name, figure) in enumerate(ROWS):
        cells = [figure(summary) for summary in summaries]
        if place < _ALWAYS_SHOWN or any(cell != "0" for cell in cells):
            table.add_row(name, *cells)
    return table
