import logging

from tests.unit.overspill_agent.examples import HOME, SLOT_0, make_burst

ON_BURST = {"constraints": {"properties": ["burst"]}}


def active(stage):
    burst = make_burst("ACTIVE")
    stage.remember(burst)
    stage.ranks.online = HOME | SLOT_0
    stage.start()
    return burst


def logged(caplog, message):
    return [record for record in caplog.records if record.getMessage() == message]


def test_lost_ranks_are_named(stage, caplog):
    burst = active(stage)

    with caplog.at_level(logging.INFO):
        stage.lose({2, 3})

    (line,) = logged(caplog, "ranks.lost")
    assert (line.burst_id, line.ranks, line.hosts) == (burst.burst_id, "2-3", "burst-0-[0-1]")


def test_ranks_lost_at_home_are_no_loss_of_a_burst(stage, caplog):
    active(stage)

    with caplog.at_level(logging.INFO):
        stage.lose({1})

    assert logged(caplog, "ranks.lost") == []


def test_job_that_fails_on_a_burst_is_named_with_its_note(stage, caplog):
    burst = active(stage)
    stage.submit(1, 2, **ON_BURST)
    stage.allocate(1, {2, 3})

    with caplog.at_level(logging.INFO):
        stage.flux.job(1, "exception", type="exec", severity=0, note="node failure on burst-0-0 (rank 2)")
        stage.flux.job(1, "exception", type="note", severity=2, note="only a remark")
        stage.flux.settle()

    (line,) = logged(caplog, "job.failed_on_burst")
    assert (line.jobid, line.burst_id, line.note) == (1, burst.burst_id, "node failure on burst-0-0 (rank 2)")


def test_lost_rank_that_comes_back_in_time_changes_nothing(stage):
    active(stage)
    stage.lose({2})
    stage.advance(100)
    stage.join({2})
    stage.advance(1)

    assert (stage.record().state, stage.record().lost_since, stage.record().lost_idset) == ("ACTIVE", None, "")


def test_burst_whose_ranks_stay_away_fails_and_is_torn_down(stage):
    active(stage)
    stage.allocate(9, {2, 3, 4, 5})
    stage.free(9)
    stage.lose(SLOT_0)
    stage.advance(301)

    assert stage.record().error.code == "ranks-lost"
    assert [request.reason for request in stage.teardowns] == ["failed"]


def test_join_that_is_late_asks_the_lead_why(stage):
    burst = make_burst("JOINING")
    stage.remember(burst)
    stage.start()
    stage.submit(1, 4, **ON_BURST)
    stage.flux.refused = {2: "client (0.88.0) version mismatched with server (0.87.0)"}

    stage.advance(1201)

    assert "burst-0-0: client (0.88.0) version mismatched" in stage.record(burst).error.text


def test_lead_is_not_asked_while_no_join_is_late(stage):
    active(stage)
    stage.advance(100)

    assert "join_errors" not in stage.faults.calls
