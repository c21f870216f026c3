"""Agents that end at any moment, and the next one on the same KVS: nothing is rented twice, and nothing stays."""

import pytest
from tests.unit.overspill_agent.examples import HOME, NOW, SLOT_0, make_burst

from overspill_shared.errors import FluxUnavailable, Unavailable
from overspill_shared.lifecycle import BurstState

ON_SLOT_0 = {"constraints": {"hostlist": ["burst-0-[0-3]"]}}
PROGRESS = ("accepted", "cluster-creating", "cluster-running", "minicluster-created", "ready")


def waits(stage, jobid=1):
    """Have a job wait that only a burst of the first slot can hold; an agent that comes later hears of it too."""
    stage.submit(jobid, 4, **ON_SLOT_0)


# what the record has, the slot's ranks online and drained -> state after the start, and what is published
REQUEST, TEARDOWN = ["BurstRequest"], ["TeardownRequest"]
RESTARTS = [
    pytest.param({"state": "REQUESTED"}, (), "REQUESTED", [], id="requested and published"),
    pytest.param(
        {"state": "REQUESTED", "published_at": None}, (), "REQUESTED", REQUEST, id="requested, perhaps not published"
    ),
    pytest.param({"state": "REQUESTED"}, ("online",), "ACTIVE", [], id="requested, and it joined meanwhile"),
    pytest.param(
        {"state": "REQUESTED", "published_at": None, "deadline_at": NOW - 1},
        (),
        "TEARING_DOWN",
        TEARDOWN,
        id="requested long ago, perhaps not published: too late, and never published again",
    ),
    pytest.param({"state": "PROVISIONING"}, (), "PROVISIONING", [], id="provisioning"),
    pytest.param(
        {"state": "PROVISIONING", "deadline_at": NOW - 1}, (), "TEARING_DOWN", TEARDOWN, id="provisioning, too late"
    ),
    pytest.param({"state": "JOINING"}, (), "JOINING", [], id="joining"),
    pytest.param(
        {"state": "JOINING", "deadline_at": NOW - 1}, ("online",), "ACTIVE", [], id="joining, joined meanwhile"
    ),
    pytest.param({"state": "ACTIVE"}, ("online",), "ACTIVE", [], id="active"),
    pytest.param({"state": "ACTIVE", "hard_end_at": NOW - 1}, ("online",), "DRAINING", [], id="active, past its end"),
    pytest.param({"state": "DRAINING"}, ("online", "drained"), "ACTIVE", [], id="draining, and a job waits"),
    pytest.param({"state": "DRAINING", "told_to_leave_at": NOW}, ("online", "drained"), "DRAINING", [], id="leaving"),
    pytest.param(
        {"state": "DRAINING", "told_to_leave_at": NOW}, ("drained",), "TEARING_DOWN", TEARDOWN, id="left meanwhile"
    ),
    pytest.param({"state": "FAILED"}, (), "TEARING_DOWN", TEARDOWN, id="failed, teardown not published"),
    pytest.param(
        {"state": "FAILED", "has_drained": True}, ("drained",), "TEARING_DOWN", TEARDOWN, id="failed and drained"
    ),
    pytest.param({"state": "TEARING_DOWN"}, ("drained",), "TEARING_DOWN", [], id="tearing down and published"),
    pytest.param(
        {"state": "TEARING_DOWN", "teardown_published_at": None},
        ("drained",),
        "TEARING_DOWN",
        TEARDOWN,
        id="perhaps not published",
    ),
]


@pytest.mark.parametrize(("before", "slot", "expected", "published"), RESTARTS)
def test_agent_after_a_restart_goes_on_with_the_same_burst(stage, burst_request, before, slot, expected, published):
    request = burst_request()
    burst = make_burst(burst_id=request.burst_id, generation=request.generation, **before)
    stage.remember(burst, requests=[request])
    stage.ranks.drained = SLOT_0 if "drained" in slot else frozenset()
    stage.ranks.online = HOME | SLOT_0 if "online" in slot else HOME
    waits(stage)

    stage.start()

    assert stage.record().state == expected
    assert [(type(m).__name__, m.burst_id) for m in stage.publisher.events] == [(p, burst.burst_id) for p in published]
    assert stage.requests in ([], [request])


@pytest.mark.parametrize("state", [state for state in BurstState if state is not BurstState.GONE])
def test_agent_after_two_restarts_in_a_row_has_requested_no_other_burst(stage, burst_request, state):
    request = burst_request()
    burst = make_burst(state, burst_id=request.burst_id, generation=request.generation, published_at=None)
    stage.remember(burst, requests=[request])
    waits(stage)

    stage.start()
    stage.start()

    assert {message.burst_id for message in stage.publisher.events} <= {burst.burst_id}
    assert stage.requests in ([], [request])


def test_agent_after_a_restart_with_a_burst_that_is_gone_bursts_anew(stage):
    gone = make_burst("GONE")
    stage.remember(gone)
    stage.ranks.drained = SLOT_0
    waits(stage)

    stage.start()

    (request,) = stage.requests
    assert request.slot.name == "burst-0"
    assert request.burst_id != gone.burst_id
    assert stage.ranks.drained == frozenset()


def test_agent_that_died_between_record_and_message_publishes_the_same_message(stage, faults, interrupted):
    stage.start()
    faults.calls.clear()
    faults.kill_at = 2
    with pytest.raises(interrupted):
        waits(stage)
    assert faults.calls[:2] == ["read_curve_cert", "write_state"]
    burst = stage.record()

    faults.kill_at = None
    stage.start()

    assert [request.burst_id for request in stage.requests] == [burst.burst_id]
    assert stage.requests[0].model_dump(mode="json", by_alias=True) == stage.ranks.kvs[f"requests.{burst.burst_id}"]


def test_agent_that_died_between_message_and_note_publishes_the_same_message_twice(stage, faults, interrupted):
    stage.start()
    faults.calls.clear()
    faults.kill_at = 3
    with pytest.raises(interrupted):
        waits(stage)

    faults.kill_at = None
    stage.start()

    first, second = stage.requests
    assert first == second


def test_agent_that_died_before_an_owed_teardown_publishes_it(stage, faults, interrupted):
    burst = make_burst("GONE", has_drained=False)
    stage.remember(burst)
    stage.start()
    faults.calls.clear()
    faults.kill_at = 1
    with pytest.raises(interrupted):
        stage.report(burst, "cluster-creating")

    faults.kill_at = None
    stage.start()
    stage.report(burst, "cluster-creating")

    assert [teardown.burst_id for teardown in stage.teardowns] == [burst.burst_id]


class World:
    """What happens to a burst around its agent, each thing as often as it takes."""

    def __init__(self, stage, *, fails):
        self.stage = stage
        self.fails = fails

    def steps(self):
        middle = [self.provision_fails] if self.fails else [self.provision, self.join, self.run_job, self.end_job]
        return [self.submit, self.wait, *middle, self.idle, self.go, self.wait, self.remove, self.wait]

    def submit(self):
        if not self.stage.ranks.journal:
            waits(self.stage)

    def provision(self):
        for kind in PROGRESS:
            self.stage.report(self.stage.requests[0], kind)

    def provision_fails(self):
        self.stage.report(self.stage.requests[0], "accepted")
        self.stage.report(self.stage.requests[0], "failed", code="stockout")
        self.cancel_job()

    def cancel_job(self):
        # Else the agent would, rightly, try again.
        if self.stage.ranks.journal[-1].name != "exception":
            self.stage.flux.job(1, "exception", severity=0)
            self.stage.flux.settle()

    def join(self):
        self.stage.join(SLOT_0)

    def run_job(self):
        if not self.stage.flux.jobs_hold:
            self.stage.allocate(1, SLOT_0)

    def end_job(self):
        if self.stage.ranks.journal[-1].name != "clean":
            self.stage.free(1)

    def wait(self):
        """Give the agent time to try again what failed."""
        self.stage.advance(30)

    def idle(self):
        self.stage.advance(900)

    def go(self):
        self.stage.lose(SLOT_0)

    def remove(self):
        self.stage.report(self.stage.teardowns[0], "removed")


def play(stage, world, dies):
    """Play every step; an agent that dies is followed by another one, and what it did not take in happens again."""
    alive = False
    for step in world.steps():
        for _ in range(3):
            try:
                if not alive:
                    stage.start()
                    alive = True
                step()
                break
            except dies:
                stage.faults.kill_at = None
                alive = False
        else:
            raise AssertionError(f"{step.__name__} is never done")


def check_the_end(stage):
    assert {request.burst_id for request in stage.requests} == {stage.record().burst_id}
    assert {teardown.burst_id for teardown in stage.teardowns} == {stage.record().burst_id}
    assert stage.record().state == "GONE"
    assert stage.record().has_drained is False
    assert stage.ranks.drained == frozenset()
    moves = [entry.state for entry in stage.record().history]
    assert len(moves) == len(set(moves))


def effects_of(stage, world):
    play(stage, world, ())
    return len(stage.faults.calls)


@pytest.mark.parametrize("fails", [False, True], ids=["it works", "it fails"])
def test_agent_killed_at_any_effect_leaves_the_same_end(stage, interrupted, fails):
    effects = effects_of(stage, World(stage, fails=fails))
    check_the_end(stage)
    assert effects > 25

    for number in range(effects):
        again = type(stage)(type(stage.clock)(), stage.faults, stage.publisher, public_key=stage.public_key)
        stage.faults.calls.clear()
        stage.publisher.events.clear()
        stage.faults.kill_at = number
        play(again, World(again, fails=fails), interrupted)
        check_the_end(again)


TROUBLES = {
    "publish": Unavailable("no answer"),
    "write_state": FluxUnavailable("gone"),
    "drain": FluxUnavailable("gone"),
    "undrain": FluxUnavailable("gone"),
    "leave": FluxUnavailable("gone"),
    "allocated": FluxUnavailable("gone"),
}


@pytest.mark.parametrize("call", TROUBLES)
def test_agent_whose_calls_fail_once_each_leaves_the_same_end(stage, call):
    play(stage, World(stage, fails=False), ())
    times = stage.faults.calls.count(call)
    assert times > 0

    for number in range(times):
        again = type(stage)(type(stage.clock)(), stage.faults, stage.publisher, public_key=stage.public_key)
        stage.publisher.events.clear()
        stage.faults.errors[call] = [None] * number + [TROUBLES[call]]
        play(again, World(again, fails=False), FluxUnavailable)
        check_the_end(again)


def test_brokers_that_an_agent_died_before_telling_to_leave_are_told_by_the_next_once(stage, faults):
    stage.remember(make_burst("DRAINING", told_to_leave_at=NOW))
    stage.ranks.online, stage.ranks.drained = HOME | {2, 3}, SLOT_0
    stage.start()
    assert stage.flux.left == {2, 3}

    stage.lose(frozenset({2}))
    assert faults.calls.count("leave") == 1
