import pytest
from tests.unit.overspill_agent.examples import make_burst

from overspill_shared.errors import FluxUnavailable, Unavailable
from overspill_shared.messages import EventKind

ON_BURST = {"constraints": {"properties": ["burst"]}}


def outage(stage, times=1):
    stage.faults.order("publish", *(Unavailable("no answer") for _ in range(times)))


def requested(stage):
    """Have a job of four burst nodes wait, and give the burst that it gets."""
    stage.start()
    stage.submit(1, 4, **ON_BURST)
    return stage.record()


@pytest.mark.parametrize("kind", [kind.value for kind in EventKind])
@pytest.mark.parametrize(
    "changes",
    [{"lead": "other"}, {"deployment": "prod"}, {"burst_id": "f" * 32}],
    ids=["another lead's", "another deployment's", "unknown burst"],
)
def test_burst_event_that_is_not_ours_changes_nothing(stage, kind, changes):
    burst = make_burst("GONE", has_drained=False)
    stage.remember(burst)
    stage.start()
    stage.faults.calls.clear()

    stage.report(burst, kind, **changes)

    assert stage.faults.calls == []


def test_burst_event_that_is_repeated_is_written_once(stage):
    burst = requested(stage)
    stage.report(burst, "accepted")
    stage.faults.calls.clear()

    stage.report(burst, "accepted")

    assert stage.faults.calls == []


def test_burst_event_is_written_before_it_can_be_acked(stage):
    burst = requested(stage)
    stage.faults.order("write_state", FluxUnavailable("gone"))

    # It raises, so that nobody acks it, and it comes again to the next agent.
    with pytest.raises(FluxUnavailable):
        stage.report(burst, "failed")
    assert stage.record().state == "REQUESTED"


@pytest.mark.parametrize("kind", [kind.value for kind in EventKind])
@pytest.mark.parametrize("state", ["TEARING_DOWN", "GONE"])
def test_burst_event_that_shows_work_after_the_end_has_the_teardown_published_again(stage, caplog, state, kind):
    burst = make_burst(state, has_drained=False)
    stage.remember(burst)
    stage.start()

    for _ in range(2):
        stage.report(burst, kind)

    expected = 0 if kind in ("removed", "removing", "rejected") else 1
    assert len(stage.teardowns) == expected
    assert caplog.messages.count("teardown.again") == expected


def test_burst_event_that_shows_work_after_the_end_is_not_forgotten_in_an_outage(stage):
    burst = make_burst("GONE", has_drained=False)
    stage.remember(burst)
    stage.start()
    outage(stage)
    stage.report(burst, "cluster-creating")
    assert stage.teardowns == []

    stage.advance(10)

    assert [teardown.burst_id for teardown in stage.teardowns] == [burst.burst_id]
    assert stage.record().owes_teardown is False


@pytest.mark.parametrize("kind", [kind.value for kind in EventKind])
def test_burst_that_only_the_cloud_knows_is_torn_down_once_its_zone_is_told(stage, kind):
    stage.start()
    lost = make_burst("ACTIVE")

    stage.report(lost, kind, detail={"zone": lost.zone})

    over = kind in ("removed", "removing", "rejected")
    assert [request.burst_id for request in stage.teardowns] == ([] if over else [lost.burst_id])
    assert all(request.zone == lost.zone and request.lead == "lead" for request in stage.teardowns)


@pytest.mark.parametrize("detail", [{}, {"zone": ""}, {"zone": 7}, {"zone": "$(reboot)"}])
def test_burst_that_only_the_cloud_knows_without_a_zone_is_left_to_the_sweep(stage, detail):
    stage.start()

    stage.report(make_burst("ACTIVE"), "ready", detail=detail)

    assert stage.teardowns == []


def test_unknown_burst_whose_teardown_cannot_be_published_raises_so_that_the_event_comes_again(stage):
    stage.start()
    outage(stage)

    with pytest.raises(Unavailable):
        stage.report(make_burst("ACTIVE"), "ready", detail={"zone": "us-central1-a"})


def test_job_waits_while_the_scheduler_says_soon_and_bursts_once_a_lost_rank_puts_that_in_doubt(stage):
    for rank, jobid in enumerate((8, 9)):
        stage.submit(jobid, 1, burstable=None, duration=5000)
        stage.allocate(jobid, [rank])
    stage.start()
    stage.flux.job(1, "annotations", annotations={"sched": {"t_estimate": stage.clock.now() + 300}})
    stage.submit(1, 1, duration=60)
    (hold,) = stage.turns[-1]
    assert (hold.code, "Fluxion expects it to start in 300 s" in hold.reason) == ("local-wait-shorter", True)

    stage.advance(10)
    stage.lose({1})

    (request,) = stage.requests
    assert [job.jobid for job in request.jobs] == [1]
