import logging

import pytest
from tests.unit.overspill_agent.examples import HOME, NOW, SLOT_0, make_burst, make_snapshot

from overspill_agent.adopting import read_mark, unknown_ranks
from overspill_shared.burst_mark import BurstMark

BURST_ID = "0123456789abcdef0123456789abcdef"


def make_mark(**changes):
    content = {
        "burst_id": BURST_ID,
        "generation": int(NOW) - 600,
        "revision": 2,
        "deployment": "default",
        "lead": "lead",
        "slot": "burst-0",
        "size": 2,
        "template": "default",
        "zone": "us-central1-b",
        "requested_at": NOW - 600,
        "hard_end_at": NOW + 3600,
        **changes,
    }
    return BurstMark.model_validate(content)


def ranks_say(stage, text, ranks=SLOT_0):
    stage.ranks.marks = dict.fromkeys(ranks, text)
    stage.ranks.online = HOME | ranks


@pytest.mark.parametrize(
    ("bursts", "expected"),
    [
        pytest.param((), {"burst-0": {2, 3}}, id="nobody has them"),
        pytest.param((make_burst("ACTIVE"),), {}, id="their burst is on record"),
        pytest.param((make_burst("FAILED"),), {}, id="one that failed holds its slot"),
        pytest.param((make_burst("GONE", has_drained=True),), {}, id="one that is gone, and not released yet"),
        pytest.param((make_burst("GONE", has_drained=False),), {"burst-0": {2, 3}}, id="one that was released"),
        pytest.param((make_burst("ACTIVE", slot="burst-1"),), {"burst-0": {2, 3}}, id="another slot's"),
    ],
)
def test_unknown_ranks_are_those_online_in_a_slot_that_no_burst_holds(bursts, expected):
    assert unknown_ranks(make_snapshot(online=HOME | {2, 3}, bursts=bursts)) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "their nodes do not say which burst they are of"),
        ("no JSON", "what their nodes say of themselves cannot be read"),
        (make_mark().model_dump_json().replace("us-central1-b", "anywhere"), "cannot be read (zone)"),
        (make_mark(lead="other").model_dump_json(), "of the slot burst-0 of other in default"),
        (make_mark(deployment="other").model_dump_json(), "of lead in other"),
        (make_mark(slot="burst-1").model_dump_json(), "of the slot burst-1"),
    ],
    ids=["nothing", "no JSON", "no zone", "another lead's", "another deployment's", "another slot's"],
)
def test_read_mark_believes_only_a_slots_own_nodes(text, reason):
    (slot, _) = make_snapshot().slots

    assert reason in read_mark(text, slot, deployment="default", lead_id="lead")


def test_burst_that_the_kvs_lost_is_adopted_and_lives_on(stage, caplog):
    ranks_say(stage, make_mark(size=2).model_dump_json(), frozenset({2, 3}))
    stage.start()

    burst = stage.record()
    assert (burst.burst_id, burst.generation, burst.revision) == (BURST_ID, int(NOW) - 600, 2)
    assert (burst.state, burst.slot, burst.ranks, burst.zone) == ("ACTIVE", "burst-0", {2, 3}, "us-central1-b")
    assert burst.hard_end_at == NOW + 3600
    assert [(one.at, one.nodes) for one in burst.paid] == [(NOW - 600, 2)]
    assert burst.price_usd_per_h == 0.5
    assert "burst.adopted" in caplog.messages

    stage.advance(601)
    assert stage.record().state == "DRAINING", "idle as any other"


def test_adopted_burst_that_grew_has_the_ranks_that_are_there(stage):
    ranks_say(stage, make_mark(size=2).model_dump_json(), frozenset({2, 3, 4}))
    stage.start()

    assert stage.record().ranks == {2, 3, 4}


def test_burst_that_was_draining_goes_on_draining_when_it_is_adopted(stage):
    ranks_say(stage, make_mark(size=4).model_dump_json())
    stage.ranks.drained = SLOT_0
    stage.start()

    assert stage.record().state == "DRAINING"
    assert stage.record().told_to_leave_at is not None, "nothing runs there: they may leave"


def test_no_burst_is_requested_into_a_slot_whose_ranks_nobody_knows_yet(stage):
    ranks_say(stage, make_mark(size=4).model_dump_json())
    stage.submit(1, nodes=6)
    stage.start()

    assert [request.slot.name for request in stage.requests] in ([], ["burst-1"])
    assert stage.record(make_burst(burst_id=BURST_ID)).state == "ACTIVE"


def test_ranks_that_say_nothing_are_asked_again_then_drained_and_reported(stage, faults, caplog):
    ranks_say(stage, None)
    stage.start()
    assert stage.ranks.drained == frozenset()

    stage.advance(20)
    assert faults.calls.count("read_burst_mark") == 3
    assert stage.ranks.drained == SLOT_0
    (line,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert (line.message, line.hosts) == ("ranks.unknown", "burst-0-[0-3]")
    assert "flux resource undrain 2-5" in line.remedy


def test_ranks_that_answer_late_are_adopted(stage):
    ranks_say(stage, None)
    stage.start()
    stage.ranks.marks = dict.fromkeys(SLOT_0, make_mark(size=4).model_dump_json())
    stage.advance(6)

    assert stage.record().state == "ACTIVE"
    assert stage.ranks.drained == frozenset()


def test_ranks_that_leave_before_they_answer_are_asked_no_more(stage, faults):
    ranks_say(stage, None)
    stage.start()
    stage.lose(SLOT_0)
    stage.advance(20)

    assert faults.calls.count("read_burst_mark") == 1
    assert stage.ranks.drained == frozenset()


def test_ranks_of_a_burst_that_has_just_ended_are_left_alone(stage):
    gone = make_burst("GONE", burst_id=BURST_ID, has_drained=False)
    stage.remember(gone)
    ranks_say(stage, make_mark(size=4).model_dump_json())
    stage.start()
    stage.advance(20)

    assert stage.record().state == "GONE"
    assert stage.ranks.drained == frozenset()


def test_dry_run_asks_nobody(stage, faults):
    ranks_say(stage, None)
    stage.start(is_dry_run=True)

    assert "read_burst_mark" not in faults.calls
