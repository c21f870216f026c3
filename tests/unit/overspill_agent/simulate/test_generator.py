import shlex
from dataclasses import replace

import pytest

from overspill_agent.simulate.generator import Recipe, Shape, generate


@pytest.mark.parametrize("shape", Shape)
def test_the_same_seed_gives_the_same_trace_and_another_seed_another(shape):
    recipe = Recipe(shape=shape, seed=3)

    assert generate(recipe) == generate(recipe)
    assert generate(recipe).jobs != generate(replace(recipe, seed=4)).jobs


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("nodes", [1, 2, 8, 100])
def test_a_trace_has_the_jobs_and_the_load_that_were_asked_for(shape, nodes):
    trace = generate(Recipe(shape=shape, seed=1, jobs=400, nodes=nodes, load=0.5))

    work = sum(job.nodes * job.run_s for job in trace.jobs)
    assert len(trace.jobs) == 400
    assert trace.nodes == nodes
    assert 0.4 < work / (trace.jobs[-1].submitted_at * nodes) < 0.7


@pytest.mark.parametrize("shape", Shape)
def test_every_job_fits_the_slot_asks_for_more_time_than_it_needs_and_is_numbered_in_order(shape):
    trace = generate(Recipe(shape=shape, seed=1, jobs=400))

    assert max(job.nodes for job in trace.jobs) <= trace.slots["burst-0"]
    assert all(job.run_s < job.limit_s and job.limit_s % 60 == 0 for job in trace.jobs)
    assert [job.jobid for job in trace.jobs] == list(range(1, 401))
    assert [job.submitted_at for job in trace.jobs] == sorted(job.submitted_at for job in trace.jobs)


def test_offices_work_by_day():
    trace = generate(Recipe(shape=Shape.OFFICE, seed=1, jobs=2000))

    # The trace begins with its first job, so hours are counted from the busiest one.
    by_hour = [0] * 24
    for job in trace.jobs:
        by_hour[int(job.submitted_at % 86400 / 3600)] += 1
    assert max(by_hour) > 4 * min(by_hour)


def test_campaigns_come_at_once():
    trace = generate(Recipe(shape=Shape.CAMPAIGN, seed=1))

    gaps = [b.submitted_at - a.submitted_at for a, b in zip(trace.jobs, trace.jobs[1:], strict=False)]
    assert sum(gap <= 1 for gap in gaps) > len(trace.jobs) / 2


def test_wide_jobs_are_wider_than_the_machine_at_times():
    trace = generate(Recipe(shape=Shape.WIDE, seed=1, nodes=8))

    assert {8, 12} <= {job.nodes for job in trace.jobs}
    assert trace.slots == {"burst-0": 12}


@pytest.mark.parametrize(("share", "low", "high"), [(0, 0, 0), (0.5, 150, 250), (1, 400, 400)])
def test_as_many_jobs_are_marked_as_were_asked_for(share, low, high):
    trace = generate(Recipe(shape=Shape.OFFICE, seed=1, jobs=400, burstable=share))

    assert low <= sum(job.is_burstable for job in trace.jobs) <= high


def test_the_source_is_the_command_that_makes_it():
    recipe = Recipe(shape=Shape.WIDE, seed=5, jobs=30, nodes=4, load=0.5, burstable=0.9, price_usd_per_h=1.5)

    assert shlex.split(generate(recipe).source) == shlex.split(
        "overspill trace wide --seed 5 --jobs 30 --nodes 4 --load 0.5 --burstable 0.9 --price 1.5"
    )
