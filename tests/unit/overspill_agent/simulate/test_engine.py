import heapq
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.overspill_agent.simulate.replays import Scripted, job, play

from overspill_agent.simulate.engine import TURN_S
from overspill_agent.simulate.latencies import CloudModel, build_cloud
from overspill_agent.simulate.outcomes import End
from overspill_agent.simulate.ports import Drain, Leave, Request, Resize, Teardown, Undrain
from overspill_shared.errors import ErrorClass

BURST = frozenset({4, 5, 6, 7})
REQUEST = Request(burst_id="b1", slot="burst-0", ranks=BURST)
ALWAYS_BOOT_FAILURE = CloudModel(capacity_failures=0, boot_failures=1)


def once(*effects):
    """Give an agent's script: these effects in its first turn."""
    left = [effects]
    return lambda _moment: left.pop() if left else ()


def has_changed(moment, kind):
    return any(change.kind == kind for change in moment.changes)


def waits(run):
    return {outcome.job.jobid: outcome.wait_s for outcome in run.jobs}


def test_without_bursts_jobs_wait_for_each_other():
    run = play([job(1, nodes=3), job(2, at=10, nodes=2), job(3, at=20, nodes=4, run_s=5)], home=4)

    assert waits(run) == {1: 0, 2: 90, 3: 180}
    assert [outcome.end for outcome in run.jobs] == [End.DONE] * 3


def test_a_burst_takes_what_waits_once_it_is_online():
    agent = Scripted(once(REQUEST))

    run = play([job(1, nodes=4, run_s=9000), job(2, nodes=4)], agent, home=4, largest_slot=4)

    (burst,) = run.bursts
    assert waits(run) == {1: 0, 2: burst.online_at}
    assert 247 + 12 <= burst.online_at <= 359 + 300
    assert burst.used_node_s == 4 * 100
    assert burst.removed_at is None
    kinds = [news.kind for moment in agent.moments for news in moment.news]
    assert kinds == ["accepted", "minicluster-created"]


def test_the_agent_is_asked_at_most_once_in_so_long_and_only_where_something_changed():
    agent = Scripted(lambda _moment: ())
    jobs = [job(1, nodes=4, run_s=5000), *(job(number, at=number, nodes=1) for number in range(2, 40))]

    run = play(jobs, agent, home=4)

    times = [moment.now for moment in agent.moments]
    assert run.turns == len(times)
    assert all(later - earlier >= TURN_S for earlier, later in itertools.pairwise(times))
    assert len(times) < 20


def test_the_agent_is_asked_when_it_wanted_to_be():
    agent = Scripted(lambda _moment: (), wake_every_s=100)

    play([job(1, nodes=4, run_s=1000), job(2, nodes=4)], agent, home=4)

    times = [moment.now for moment in agent.moments]
    assert times == [0.0, 100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0, 900.0, 1000.0][: len(times)]
    assert len(times) >= 10


def test_a_burst_that_leaves_and_is_torn_down_costs_nothing_more():
    def answer(moment):
        if has_changed(moment, "ended"):
            return [Drain(ranks=BURST), Leave(ranks=BURST)]
        if BURST & moment.drained and not BURST & moment.online:
            return [Teardown(burst_id="b1"), Undrain(ranks=BURST)]
        return [REQUEST]

    agent = Scripted(answer, wake_every_s=60)

    run = play([job(1, nodes=4)], agent, home=1, largest_slot=4)

    (burst,) = run.bursts
    assert [outcome.end for outcome in run.jobs] == [End.DONE]
    assert burst.removed_at is not None
    assert burst.paid_node_s == pytest.approx(4 * burst.removed_at)
    assert agent.moments[-1].news[-1].kind == "removed"


@pytest.mark.parametrize("effect", [Leave(ranks=BURST), Teardown(burst_id="b1")])
def test_a_job_whose_nodes_go_is_killed_and_stops_counting_as_use(effect):
    def answer(moment):
        return [effect] if moment.now > 1000 else [REQUEST]

    run = play([job(1, nodes=4, run_s=9000)], Scripted(answer, wake_every_s=100), home=1, largest_slot=4)

    (outcome,) = run.jobs
    assert outcome.end is End.KILLED
    assert outcome.is_on_burst
    assert run.bursts[0].used_node_s == pytest.approx(4 * (outcome.ended_at - outcome.started_at))


def test_a_stock_out_is_reported_after_its_long_wait_and_nothing_comes_up():
    agent = Scripted(once(REQUEST), wake_every_s=300)

    run = play([job(1, nodes=4)], agent, home=1, largest_slot=4, cloud=build_cloud(capacity_failures=1))

    failed = [news for moment in agent.moments for news in moment.news if news.kind == "failed"]
    assert [(news.at, news.failure) for news in failed] == [(35 * 60, ErrorClass.CAPACITY)]
    assert [outcome.end for outcome in run.jobs] == [End.UNSTARTED]
    assert run.bursts[0].online_at is None


def test_brokers_that_never_join_are_told_by_nothing():
    agent = Scripted(once(REQUEST), wake_every_s=600)

    run = play([job(1, nodes=4)], agent, home=1, largest_slot=4, cloud=ALWAYS_BOOT_FAILURE)

    assert [news.kind for moment in agent.moments for news in moment.news] == ["accepted", "minicluster-created"]
    assert run.bursts[0].online_at is None


def test_a_burst_that_is_torn_down_while_it_comes_never_comes_online():
    def answer(moment):
        return [REQUEST] if moment.now < 100 else [Teardown(burst_id="b1")]

    agent = Scripted(answer, wake_every_s=100)

    run = play([job(1, nodes=4)], agent, home=1, largest_slot=4)

    assert run.bursts[0].online_at is None
    assert run.bursts[0].removed_at < 100 + 30 + 315


def test_a_burst_grows_and_shrinks_within_its_slot():
    small, large = frozenset({4}), frozenset({4, 5, 6})

    def answer(moment):
        if small <= moment.online and moment.now < 2000:
            return [Resize(burst_id="b1", ranks=large, revision=2)]
        if moment.now > 5000:
            return [Resize(burst_id="b1", ranks=small, revision=3)]
        return [Request(burst_id="b1", slot="burst-0", ranks=small)]

    agent = Scripted(answer, wake_every_s=500)

    run = play([job(1, nodes=2), job(2, nodes=1, at=6000, run_s=50)], agent, home=1, largest_slot=4)

    assert waits(run)[1] is not None
    assert run.bursts[0].most_nodes == 3
    told = [(news.kind, news.revision) for moment in agent.moments for news in moment.news]
    assert told == [("accepted", 1), ("minicluster-created", 1), ("resized", 2), ("resized", 3)]
    last = agent.moments[-1].online
    assert last == {0, 4}


def test_what_nobody_removes_is_a_leak_and_the_run_ends_all_the_same():
    agent = Scripted(once(REQUEST), wake_every_s=3600)

    run = play([job(1)], agent, home=0, largest_slot=4)

    assert run.bursts[0].is_leaked
    assert run.bursts[0].paid_node_s > 4 * 3 * 86_400


def test_an_agent_that_tries_for_ever_in_vain_comes_to_an_end():
    numbers = itertools.count()
    agent = Scripted(
        lambda _moment: [
            Teardown(burst_id=f"b{next(numbers) - 1}"),
            Request(burst_id=f"b{next(numbers)}", slot="burst-0", ranks=BURST),
        ],
        wake_every_s=1800,
    )

    run = play([job(1, nodes=4)], agent, home=1, largest_slot=4, cloud=ALWAYS_BOOT_FAILURE)

    assert [outcome.end for outcome in run.jobs] == [End.UNSTARTED]
    assert len(run.bursts) > 100
    assert not any(burst.is_leaked for burst in run.bursts[1:])


def test_a_queue_that_is_quiet_for_months_goes_on():
    run = play([job(1, nodes=2), job(2, at=1e7)], Scripted(lambda _m: (), wake_every_s=3600), home=2)

    assert [outcome.end for outcome in run.jobs] == [End.DONE] * 2


queues = st.lists(
    st.tuples(st.integers(0, 3000), st.integers(1, 5), st.integers(1, 900), st.none() | st.integers(1, 2000)),
    max_size=15,
).map(
    lambda rows: [
        job(number, at=float(at), nodes=nodes, run_s=float(run_s), limit_s=limit and float(limit))
        for number, (at, nodes, run_s, limit) in enumerate(sorted(rows, key=lambda row: row[0]))
    ]
)


def plain_queue(jobs, nodes):
    """Start jobs strictly in order on so many nodes: the textbook's loop, to compare with."""
    starts, running, free, now = {}, [], nodes, 0.0
    for one in jobs:
        now = max(now, one.submitted_at)
        while running and (running[0][0] <= now or free < one.nodes):
            end, held = heapq.heappop(running)
            now, free = max(now, end), free + held
        starts[one.jobid] = now
        heapq.heappush(running, (now + one.run_s, one.nodes))
        free -= one.nodes
    return starts


@given(queues)
def test_without_an_agent_the_run_is_a_plain_queue(jobs):
    run = play(jobs, home=5)

    assert {outcome.job.jobid: outcome.started_at for outcome in run.jobs} == plain_queue(jobs, 5)


@given(queues, st.booleans())
def test_nobody_starts_before_an_earlier_job_without_backfill_and_nodes_are_never_shared(jobs, backfill):
    run = play(jobs, home=5, backfill=backfill)

    assert sorted(outcome.job.jobid for outcome in run.jobs) == [one.jobid for one in jobs]
    by_submission = sorted(run.jobs, key=lambda outcome: outcome.job.jobid)
    starts = [outcome.started_at for outcome in by_submission]
    assert backfill or starts == sorted(starts)
    for moment in starts:
        held = [o.job.nodes for o in run.jobs if o.started_at <= moment < o.ended_at]
        assert sum(held) <= 5


@settings(max_examples=50)
@given(queues, st.integers(0, 3), st.sampled_from([0.0, 0.5]), st.data())
def test_whatever_an_agent_does_no_job_is_lost_and_no_use_is_unpaid(jobs, seed, failures, data):
    parts = [frozenset({3, 4, 5}), frozenset({6, 7})]
    effects = st.one_of(
        st.sampled_from(parts).map(lambda ranks: Request(burst_id=f"b{min(ranks)}", slot="s", ranks=ranks)),
        st.sampled_from(parts).map(lambda ranks: Drain(ranks=ranks)),
        st.sampled_from(parts).map(lambda ranks: Undrain(ranks=ranks)),
        st.sampled_from(parts).map(lambda ranks: Leave(ranks=ranks)),
        st.sampled_from(parts).map(lambda ranks: Teardown(burst_id=f"b{min(ranks)}")),
        st.sampled_from(parts).map(
            lambda ranks: Resize(burst_id=f"b{min(ranks)}", ranks=frozenset(sorted(ranks)[:1]), revision=2)
        ),
    )
    script = data.draw(st.lists(st.lists(effects, max_size=3), max_size=8))
    agent = Scripted(lambda _moment: script.pop() if script else (), wake_every_s=400)

    run = play(jobs, agent, home=3, largest_slot=5, seed=seed, cloud=build_cloud(boot_failures=failures))

    assert sorted(outcome.job.jobid for outcome in run.jobs) == [one.jobid for one in jobs]
    for burst in run.bursts:
        assert 0 <= burst.used_node_s <= burst.paid_node_s + 1e-6
    for outcome in run.jobs:
        if outcome.end is End.DONE:
            assert outcome.ended_at - outcome.started_at == pytest.approx(outcome.job.run_s)
