"""Traces where none are at hand: three shapes of load, each from a seed. The same arguments give the same jobs.

Sizes are powers of two, run times and the limits that users ask for are log-normal, as in the logs of the Parallel
Workloads Archive: most jobs are short and small, limits are generous. Nothing here knows of bursts but the mark.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from overspill_agent.simulate.trace import Trace, TraceJob, in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DAY_S: Final = 86_400.0
LIMIT_STEP_S: Final = 300.0
"""Users ask for round durations."""
SHORTEST_S, LONGEST_S = 20.0, 6 * 3600.0


class Shape(StrEnum):
    """How the load comes."""

    OFFICE = "office"
    """Little at night, much by day: the queue of every afternoon is longer than the machine."""
    CAMPAIGN = "campaign"
    """A quiet background, and now and then somebody submits a hundred jobs at once."""
    WIDE = "wide"
    """Small jobs all the time, and some that are as wide as the machine, or wider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a trace is made from."""

    shape: Shape
    seed: int
    jobs: int = 500
    nodes: int = 8
    """Nodes at home."""
    load: float = 0.3
    """Work submitted, as a share of what the nodes at home could do in the same time."""
    burstable: float = 1.0
    """The share of jobs that are marked."""
    price_usd_per_h: float = 0.42

    @property
    def command(self) -> str:
        """The command that makes this trace."""
        return (
            f"overspill trace {self.shape} --seed {self.seed} --jobs {self.jobs} --nodes {self.nodes}"
            f" --load {self.load:g} --burstable {self.burstable:g} --price {self.price_usd_per_h:g}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """A job before its time is known."""

    nodes: int
    run_s: float
    limit_s: float
    batch: int | None = None


def generate(recipe: Recipe) -> Trace:
    """Make a trace: the slot is as large as the widest job, at least as the nodes at home."""
    # Of a text, not of numbers: shapes with the same seed have nothing in common then.
    chance = random.Random(f"{recipe.shape}:{recipe.seed}")
    works = list(_WORK[recipe.shape](recipe, chance))
    span_s = sum(work.nodes * work.run_s for work in works) / (recipe.nodes * recipe.load)
    times = _TIMES[recipe.shape](works, span_s, chance)
    submitted = sorted(zip(times, works, strict=True), key=lambda pair: pair[0])
    jobs = tuple(
        TraceJob(
            jobid=number,
            submitted_at=round(at),
            nodes=work.nodes,
            run_s=work.run_s,
            limit_s=work.limit_s,
            is_burstable=chance.random() < recipe.burstable,
        )
        for number, (at, work) in enumerate(submitted, 1)
    )
    widest = max((job.nodes for job in jobs), default=1)
    return Trace(
        name=str(recipe.shape),
        jobs=in_order(jobs),
        nodes=recipe.nodes,
        slots={"burst-0": max(widest, recipe.nodes)},
        price_usd_per_h=recipe.price_usd_per_h,
        source=recipe.command,
    )


def _work(chance: random.Random, *, nodes: int, median_s: float, batch: int | None = None) -> _Work:
    run_s = round(min(LONGEST_S, max(SHORTEST_S, chance.lognormvariate(math.log(median_s), 1.0))))
    asked = run_s * (1.1 + chance.lognormvariate(-0.5, 0.8))
    step_s = LIMIT_STEP_S if asked > LIMIT_STEP_S else 60.0
    limit_s = math.ceil(asked / step_s) * step_s
    return _Work(nodes=nodes, run_s=run_s, limit_s=limit_s, batch=batch)


def _power_of_two(chance: random.Random, widest: int) -> int:
    """Give a size up to `widest`; each power of two is about two thirds as frequent as the one before it."""
    exponents = range(max(1, int(math.log2(widest)) + 1))
    exponent = chance.choices(exponents, weights=[0.65**exponent for exponent in exponents])[0]
    return int(2**exponent)


def _office(recipe: Recipe, chance: random.Random) -> Iterator[_Work]:
    """Short jobs, and one in eight an hour's work."""
    for _ in range(recipe.jobs):
        median_s = 3000.0 if chance.random() < 1 / 8 else 120.0
        yield _work(chance, nodes=_power_of_two(chance, max(1, recipe.nodes // 4)), median_s=median_s)


def _campaign(recipe: Recipe, chance: random.Random) -> Iterator[_Work]:
    """A third of the jobs stand alone, the others come in batches of jobs that are alike: one batch in five is long."""
    left = recipe.jobs - recipe.jobs // 3
    for _ in range(recipe.jobs // 3):
        yield _work(chance, nodes=_power_of_two(chance, max(1, recipe.nodes // 4)), median_s=300)
    batch = 0
    while left > 0:
        size = min(left, chance.randint(recipe.nodes, 3 * recipe.nodes))
        median_s = 1200.0 if chance.random() < 1 / 5 else 60.0
        for _ in range(size):
            yield _work(chance, nodes=1, median_s=median_s, batch=batch)
        batch, left = batch + 1, left - size


def _wide(recipe: Recipe, chance: random.Random) -> Iterator[_Work]:
    """One job in eight is as wide as the machine or half, one in 200 wider; one in 30 is narrow and long."""
    for _ in range(recipe.jobs):
        draw = chance.random()
        if draw < 1 / 8:
            yield _work(chance, nodes=max(1, recipe.nodes // chance.choice((1, 2))), median_s=180)
        elif draw < 1 / 8 + 1 / 200:
            yield _work(chance, nodes=recipe.nodes + recipe.nodes // 2, median_s=600)
        else:
            median_s = 3000.0 if chance.random() < 1 / 30 else 90.0
            yield _work(chance, nodes=_power_of_two(chance, max(1, recipe.nodes // 4)), median_s=median_s)


def _by_day(works: list[_Work], span_s: float, chance: random.Random) -> list[float]:
    """Give times, most of them between 9 and 18 o'clock."""
    return [_accepted(span_s, chance, _daily) for _ in works]


def _daily(at: float) -> float:
    """How likely a submission is at a time of day, from 0 to 1."""
    hour = at % DAY_S / 3600
    return 0.08 + 0.92 * math.exp(-(((hour - 13) / 3.5) ** 2))


def _accepted(span_s: float, chance: random.Random, likelihood: Callable[[float], float]) -> float:
    while True:
        at = chance.uniform(0, span_s)
        if chance.random() < likelihood(at):
            return at


def _in_batches(works: list[_Work], span_s: float, chance: random.Random) -> list[float]:
    """Give each batch one moment, its jobs a second apart, as a script submits them."""
    batches = {work.batch for work in works if work.batch is not None}
    starts = {batch: chance.uniform(0, 0.9 * span_s) for batch in sorted(batches)}
    return [
        chance.uniform(0, span_s) if work.batch is None else starts[work.batch] + place
        for place, work in enumerate(works)
    ]


def _evenly(works: list[_Work], span_s: float, chance: random.Random) -> list[float]:
    return [chance.uniform(0, span_s) for _ in works]


_WORK: Final = {Shape.OFFICE: _office, Shape.CAMPAIGN: _campaign, Shape.WIDE: _wide}
_TIMES: Final = {Shape.OFFICE: _by_day, Shape.CAMPAIGN: _in_batches, Shape.WIDE: _evenly}
