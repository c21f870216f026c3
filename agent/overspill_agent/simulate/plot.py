"""The share of jobs that started within a wait, a line for each policy, as an SVG file's text. Pure.

Drawn by hand: one step line a policy on a logarithmic axis needs no plotting library, which would be fifty times the
agent's own size in its image.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from overspill_agent.simulate.report import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from overspill_agent.simulate.outcomes import Run
    from overspill_agent.simulate.report import Summary

COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's: told apart by everybody."""
TICKS_S: Final = (10, 60, 600, 3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400)
LEFT, TOP, WIDTH, HEIGHT = 60, 50, 700, 300
POINTS: Final = 200
"""Of each line; thousands of jobs look no different."""


def draw(title: str, runs: Sequence[tuple[Run, Summary]]) -> str:
    """Give the drawing of runs of one trace."""
    waits = [sorted(outcome.wait_s for outcome in run.jobs if outcome.wait_s is not None) for run, _ in runs]
    longest = max((some[-1] for some in waits if some), default=0.0)
    end_s = float(next((tick for tick in TICKS_S if tick >= longest), TICKS_S[-1]))
    rows = len(runs)
    size = f"{LEFT + WIDTH + 20} {TOP + HEIGHT + 50 + 18 * rows}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" font-family="sans-serif" font-size="12">',
        f'<rect width="100%" height="100%" fill="white"/><text x="{LEFT}" y="24" font-size="15">{escape(title)}</text>',
        f'<text x="{LEFT}" y="42" fill="#555">share of jobs that started within a wait</text>',
        *_axes(end_s),
        *(_line(some, end_s, colour) for some, colour in zip(waits, _colours(rows), strict=True)),
        *_legend([summary for _, summary in runs]),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _colours(number: int) -> list[str]:
    return [COLOURS[index % len(COLOURS)] for index in range(number)]


def _x(wait_s: float, end_s: float) -> float:
    """Give a wait's place: logarithmic from one second on."""
    return LEFT + WIDTH * min(1.0, math.log1p(wait_s) / math.log1p(end_s))


def _y(share: float) -> float:
    return TOP + HEIGHT * (1 - share)


def _axes(end_s: float) -> Iterator[str]:
    for tick in (0, *(tick for tick in TICKS_S if tick <= end_s)):
        x = _x(tick, end_s)
        yield f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{TOP + HEIGHT}" stroke="#ddd"/>'
        yield f'<text x="{x:.1f}" y="{TOP + HEIGHT + 16}" text-anchor="middle">{in_words(tick)}</text>'
    for percent in (0, 25, 50, 75, 95, 100):
        y = _y(percent / 100)
        yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{LEFT + WIDTH}" y2="{y:.1f}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{percent} %</text>'


def _line(waits: Sequence[float], end_s: float, colour: str) -> str:
    count = len(waits)
    indices = sorted({round(step * (count - 1) / POINTS) for step in range(POINTS + 1)}) if count else []
    points = " ".join(f"{_x(waits[index], end_s):.1f},{_y((index + 1) / count):.1f}" for index in indices)
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _legend(summaries: Sequence[Summary]) -> Iterator[str]:
    for row, (summary, colour) in enumerate(zip(summaries, _colours(len(summaries)), strict=True)):
        y = TOP + HEIGHT + 44 + 18 * row
        cost = "price unknown" if summary.cost_usd is None else f"{summary.cost_usd:,.2f} USD"
        text = (
            f"{summary.policy}: p95 wait {in_words(summary.wait_p95_s)}, mean {in_words(summary.wait_mean_s)}, {cost},"
            f" {summary.node_h_paid:,.0f} node-hours paid, {summary.node_h_used:,.0f} used"
        )
        yield f'<rect x="{LEFT}" y="{y - 9}" width="14" height="4" fill="{colour}"/>'
        yield f'<text x="{LEFT + 20}" y="{y}">{escape(text)}</text>'
