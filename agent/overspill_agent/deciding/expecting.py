"""When a job would start if nothing were rented for it: the scheduler's word, or the agent's own reckoning. Pure.

The scheduler's word counts where it has said something that lies ahead. That a job starts in time is always believed:
it knows its own order, and lets jobs pass others. That it starts too late is believed while nobody ahead of it leaves
for a burst: the scheduler cannot know of that, and the job may take the place. Everything else is reckoned, by the
queue at home played forward (`waiting`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from overspill_agent.deciding.waiting import LocalStart

_NAMES: Final = {"fluxion": "Fluxion", "simple": "sched-simple"}


@dataclass(frozen=True, slots=True)
class Expectation:
    """When a job starts without new nodes, and whose word that is."""

    at: float
    """Epoch seconds."""
    by: str | None = None
    """The scheduler that says so; None: the agent reckons so."""
    is_exact: bool = True
    """False: not before then."""

    def describe(self, now: float) -> str:
        """Say it in words, for reasons."""
        wait_s = f"{self.at - now:.0f} s"
        if self.by is not None:
            return f"{self.by} expects it to start in {wait_s}"
        return f"by the agent's own reckoning it waits {'' if self.is_exact else 'at least '}{wait_s} at home"


def expect(
    said: float | None,
    reckon: Callable[[], LocalStart],
    *,
    scheduler: str,
    latest: float,
    now: float,
    others_left: bool,
) -> Expectation:
    """Give when a job starts that does not start now.

    `said` is the scheduler's word, `latest` the time until which the job would wait (epoch seconds), `others_left`
    whether one ahead of it leaves for a burst. `reckon` gives it its place in the agent's own reckoning, too, so that
    those behind it find that taken.
    """
    if said is not None and said > now and (said <= latest or not others_left):
        if said <= latest:
            reckon()
        return Expectation(said, by=_NAMES.get(scheduler, "the scheduler"))
    start = reckon()
    return Expectation(start.at, is_exact=start.is_exact)
