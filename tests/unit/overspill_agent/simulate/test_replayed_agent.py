import pytest
from tests.unit.overspill_agent.simulate.replays import NO_FAILURES, job

from overspill_agent.deciding.policy import Policy
from overspill_agent.simulate.contenders import parse_contender
from overspill_agent.simulate.engine import TURN_S
from overspill_agent.simulate.generator import Recipe, Shape, generate
from overspill_agent.simulate.latencies import build_cloud
from overspill_agent.simulate.outcomes import End
from overspill_agent.simulate.ports import JobChange, Moment, Request
from overspill_agent.simulate.replay import replay
from overspill_agent.simulate.replayed_agent import ReplayedAgent, declare
from overspill_agent.simulate.scenario import Scenario
from overspill_agent.simulate.trace import Trace

HOME = frozenset(range(4))
SCENARIO = Scenario(nodes=4, slots={"burst-0": 6}, price_usd_per_h=0.5, cloud=NO_FAILURES)


def moment(now, *changes, **seen):
    return Moment(now=now, changes=changes, **{"online": HOME, "drained": frozenset(), "news": ()} | seen)


def submitted(number, *, at=0.0, **asked):
    return JobChange(job=job(number, at=at, **asked), kind="submitted", at=at)


def run(jobs, policy="break-even", *, scenario=SCENARIO):
    return replay(Trace(name="t", jobs=tuple(jobs)), scenario, parse_contender(policy))


def test_the_lead_declares_nodes_and_slots():
    facts = declare(SCENARIO)

    assert facts.hosts == ("lead-0", "lead-1", "lead-2", "lead-3", *(f"burst-0-{i}" for i in range(6)))
    assert [r.rank for r in facts.resources if "burst" in r.properties] == [4, 5, 6, 7, 8, 9]


def test_a_job_that_home_can_never_hold_is_asked_nodes_for():
    agent = ReplayedAgent(SCENARIO, Policy())
    first = agent.turn(moment(0.0, submitted(1, nodes=5, limit_s=600.0)))

    later = agent.turn(moment(30.0)) if not first.effects else first

    (request,) = later.effects
    assert isinstance(request, Request)
    assert (request.slot, request.ranks) == ("burst-0", frozenset(range(4, 9)))
    assert later.wake_at is not None


def test_a_job_that_is_not_marked_is_asked_nothing_for():
    agent = ReplayedAgent(SCENARIO, Policy())

    for now in (0.0, 30.0, 60.0):
        changes = () if now else (submitted(1, nodes=5, limit_s=600.0, is_burstable=False),)
        assert agent.turn(moment(now, *changes)).effects == ()


def test_one_burst_is_played_from_request_to_removal():
    result = run([job(1, nodes=5, run_s=500.0, limit_s=600.0)])

    (outcome,), (burst,) = result.jobs, result.bursts
    assert outcome.end is End.DONE
    assert outcome.is_on_burst
    assert outcome.started_at == burst.online_at
    assert burst.used_node_s == pytest.approx(5 * 500)
    # It is paid for until its idle time-out, its leave and its deletion are over.
    assert outcome.ended_at + 600 < burst.removed_at < outcome.ended_at + 600 + 315 + 8 * TURN_S
    assert burst.paid_node_s <= 5 * burst.removed_at


def test_a_short_wait_is_waited_and_a_long_one_is_not():
    busy = job(1, nodes=4, run_s=300.0, limit_s=300.0)
    late = job(2, at=10.0, nodes=4, limit_s=300.0)

    assert run([busy, late]).bursts == ()
    assert len(run([busy, late], "always").bursts) == 1
    assert len(run([job(1, nodes=4, run_s=5000.0, limit_s=5000.0), late]).bursts) == 1


def test_never_bursts_nothing_and_refuses_what_only_a_slot_could_hold():
    result = run([job(1, nodes=5), job(2, nodes=4)], "never")

    assert result.bursts == ()
    assert {outcome.job.jobid: outcome.end for outcome in result.jobs} == {1: End.REFUSED, 2: End.DONE}


@pytest.mark.parametrize("failures", [{"capacity_failures": 0.5}, {"boot_failures": 0.5}])
def test_where_half_of_all_creates_fail_jobs_still_end_and_nothing_leaks(failures):
    scenario = Scenario(nodes=4, slots={"burst-0": 6}, price_usd_per_h=0.5, cloud=build_cloud(**failures), seed=3)
    jobs = [job(number, at=number * 4000.0, nodes=6, run_s=300.0, limit_s=600.0) for number in range(6)]

    result = run(jobs, scenario=scenario)

    assert [outcome.end for outcome in result.jobs] == [End.DONE] * 6
    assert any(burst.failure for burst in result.bursts)
    assert all(burst.removed_at is not None for burst in result.bursts)


@pytest.mark.parametrize("policy", ["break-even:max_bursts=0", "break-even:cap_usd_total=0.01"])
def test_limits_hold_in_a_simulation_too(policy):
    result = run([job(1, nodes=5, limit_s=600.0)], policy)

    assert result.bursts == ()
    assert [outcome.end for outcome in result.jobs] == [End.UNSTARTED]


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize(
    "policy",
    [
        "always",
        "break-even",
        "break-even:placement=spread,backfill=false",
        "break-even:shrinks=true",
        "break-even:shrinks=true,keep_warm_s=1800",
    ],
)
def test_whatever_the_load_every_job_ends_once_and_all_use_is_paid_for(shape, policy):
    trace = generate(Recipe(shape=shape, seed=11, jobs=60, nodes=4, load=0.6))
    scenario = Scenario(nodes=4, slots=trace.slots, price_usd_per_h=0.5, cloud=build_cloud(boot_failures=0.1))

    result = replay(trace, scenario, parse_contender(policy))

    assert sorted(outcome.job.jobid for outcome in result.jobs) == [one.jobid for one in trace.jobs]
    assert {outcome.end for outcome in result.jobs} <= {End.DONE, End.KILLED}
    for burst in result.bursts:
        assert burst.removed_at is not None
        assert burst.used_node_s <= burst.paid_node_s + 1e-6
    # What the caps compare with is never less than what the nodes cost; more by what the agent hears a turn later.
    late_node_s = sum(burst.most_nodes for burst in result.bursts) * 2 * TURN_S
    assert bill_usd(result) <= result.counted_usd <= bill_usd(result) + usd(late_node_s)


def bill_usd(result):
    return usd(sum(burst.paid_node_s for burst in result.bursts))


def usd(node_s):
    return node_s * SCENARIO.price_usd_per_h / 3600


def test_nodes_that_are_given_back_are_paid_for_no_longer():
    jobs = [
        job(1, nodes=4, run_s=9000.0, limit_s=9000.0, is_burstable=False),
        job(2, at=1.0, nodes=1, run_s=8000.0, limit_s=8000.0),
        job(3, at=2.0, nodes=5, run_s=300.0, limit_s=300.0),
    ]

    kept, shrunk = run(jobs), run(jobs, "break-even:shrinks=true")

    (whole,), (part,) = kept.bursts, shrunk.bursts
    assert {outcome.end for outcome in (*kept.jobs, *shrunk.jobs)} == {End.DONE}
    assert (whole.most_nodes, part.most_nodes) == (6, 6)
    assert part.existed_s == pytest.approx(whole.existed_s, abs=4 * TURN_S)
    # Six nodes until the last five were idle for the idle time-out, and an autoscaler took them; one from then on.
    shrunk_after_s = (part.paid_node_s - part.existed_s) / 5
    given_back_s = part.online_at - part.requested_at + 300 + 600
    assert given_back_s + 600 < shrunk_after_s < given_back_s + 600 + 170 + 8 * TURN_S
    assert whole.paid_node_s == pytest.approx(6 * whole.existed_s)


def test_a_cluster_that_is_kept_warm_has_nodes_again_sooner():
    jobs = [job(1, nodes=5, run_s=300.0, limit_s=300.0), job(2, at=2500.0, nodes=5, run_s=300.0, limit_s=300.0)]

    cold, warm = run(jobs), run(jobs, "break-even:keep_warm_s=3600")

    assert (len(cold.bursts), len(warm.bursts)) == (2, 1)
    cold_wait_s, warm_wait_s = (max(result.jobs, key=lambda one: one.job.jobid).wait_s for result in (cold, warm))
    assert warm_wait_s < cold_wait_s - 100
    assert warm.bursts[0].existed_s > 5000 > sum(burst.existed_s for burst in cold.bursts)
    assert warm.bursts[0].paid_node_s < 5 * warm.bursts[0].existed_s / 2


def test_the_same_seed_gives_the_same_run():
    jobs = [job(number, at=number * 60.0, nodes=3, run_s=700.0, limit_s=900.0) for number in range(10)]

    first, second = run(jobs), run(jobs)

    assert first.jobs == second.jobs
    assert first.bursts == second.bursts
