import pytest
from tests.unit.overspill_agent.examples import (
    HOME,
    NOW,
    SLOT_0,
    make_burst,
)

from overspill_agent.deciding.policy import Policy
from overspill_agent.outcome import Outcome
from overspill_agent.publishing import OnTheWay
from overspill_shared.errors import FluxError, MalformedMessage, NotFound, Unavailable

LATER = NOW + 60


def test_request_is_recorded_before_it_is_published_and_noted_after(shop):
    assert shop.request() is Outcome.CHANGED

    assert shop.effects == ["read_curve_cert", "write_state", "publish", "write_state"]
    (burst,) = shop.store.bursts
    (request,) = shop.publisher.events
    assert set(shop.flux.commits[0]) == {"schema", f"bursts.{burst.burst_id}", f"requests.{burst.burst_id}"}
    assert (request.burst_id, [job.jobid for job in request.jobs]) == (burst.burst_id, [1, 2])
    assert (burst.state, burst.published_at, burst.size) == ("REQUESTED", LATER, 4)


def test_request_tells_its_jobs_in_their_memo(shop):
    shop.request()

    (burst,) = shop.store.bursts
    told = {"burst_id": burst.burst_id, "state": "REQUESTED", "slot": "burst-0", "reason": "because"}
    memo = {"overspill": told}
    assert shop.flux.told == [("memo", 1, memo), ("memo", 2, memo)]


@pytest.mark.parametrize("error", [Unavailable("no answer"), NotFound("no topic"), MalformedMessage("too large")])
def test_request_that_cannot_be_published_stays_recorded(shop, error):
    shop.faults.order("publish", error)

    assert shop.request() is Outcome.FAILED

    (burst,) = shop.store.bursts
    assert (burst.state, burst.published_at) == ("REQUESTED", None)
    assert shop.actions.publish_request(burst, LATER + 10) is Outcome.CHANGED
    assert shop.publisher.events == [shop.store.request_of(burst.burst_id)]
    assert shop.store.bursts[0].published_at == LATER + 10


def test_request_that_cannot_be_recorded_is_not_published(shop):
    shop.faults.order("write_state", FluxError("the instance keeps nothing"))

    with pytest.raises(FluxError):
        shop.request()

    assert shop.publisher.events == []
    assert shop.store.bursts == ()


def test_two_requests_in_one_second_are_two_bursts(shop):
    shop.request()
    shop.act("request", "never-fits-locally", jobs=(2,), slot="burst-1", template="default", nodes=4)

    first, second = shop.store.bursts
    assert (first.generation, second.generation) == (int(LATER), int(LATER) + 1)
    assert first.burst_id != second.burst_id


def test_publish_request_of_a_burst_without_one_does_nothing(shop):
    assert shop.actions.publish_request(shop.has("REQUESTED"), LATER) is Outcome.DONE
    assert shop.effects == []


@pytest.mark.parametrize(("code", "reason"), [("idle", "idle-timeout"), ("max-lifetime", "max-lifetime")])
def test_drain_of_an_active_burst_is_recorded_before_it_is_done(shop, code, reason):
    burst = shop.has("ACTIVE")

    assert shop.about(burst, "drain", code) is Outcome.CHANGED

    assert shop.effects == ["write_state", "drain"]
    (after,) = shop.store.bursts
    assert (after.state, after.teardown_reason, after.has_drained) == ("DRAINING", reason, True)
    assert after.history[-1].cause == "because"
    assert shop.flux.ranks.drained == SLOT_0


def test_drain_of_an_active_burst_for_any_other_reason_is_the_operators(shop):
    shop.about(shop.has("ACTIVE"), "drain", "left")

    assert shop.store.bursts[0].teardown_reason == "operator"


def test_drain_again_only_drains(shop):
    burst = shop.has("DRAINING")

    assert shop.about(burst, "drain", "idle") is Outcome.DONE

    assert shop.effects == ["drain"]
    assert shop.store.bursts == (burst,)


def test_drain_of_a_failed_burst_is_recorded_without_a_move(shop):
    burst = shop.has("FAILED")

    assert shop.about(burst, "drain", "failed") is Outcome.CHANGED

    assert shop.effects == ["write_state", "drain"]
    assert shop.store.bursts == (burst.model_copy(update={"has_drained": True}),)


def test_cancel_drain_undrains_and_goes_back(shop):
    burst = shop.has("DRAINING", idle_since=NOW)
    shop.flux.ranks.drained = HOME | SLOT_0

    assert shop.about(burst, "cancel-drain", "demand-returned") is Outcome.CHANGED

    # Undrained first: a crash between the two leaves a draining burst, which is decided anew.
    assert shop.effects == ["undrain", "write_state"]
    (after,) = shop.store.bursts
    assert (after.state, after.teardown_reason, after.has_drained, after.idle_since) == ("ACTIVE", None, False, None)
    assert shop.flux.ranks.drained == HOME


def test_leave_is_recorded_before_brokers_are_told(shop):
    burst = shop.has("DRAINING")

    assert shop.about(burst, "leave", "drained") is Outcome.CHANGED

    assert shop.effects == ["allocated", "write_state", "leave"]
    assert shop.store.bursts[0].told_to_leave_at == LATER
    assert shop.flux.left == SLOT_0


def test_leave_while_the_scheduler_has_work_there_is_postponed(shop):
    burst = shop.has("DRAINING")
    shop.flux.scheduler_allocated = frozenset({5})

    assert shop.about(burst, "leave", "drained") is Outcome.POSTPONED
    assert shop.effects == ["allocated"]


def test_leave_at_the_end_of_a_lifetime_does_not_ask(shop):
    burst = shop.has("DRAINING")
    shop.flux.scheduler_allocated = frozenset({5})

    assert shop.about(burst, "leave", "max-lifetime") is Outcome.CHANGED
    assert shop.flux.left == SLOT_0


@pytest.mark.parametrize(
    ("burst", "effects", "reason"),
    [
        pytest.param({"state": "DRAINING"}, ["write_state", "publish", "write_state"], "idle-timeout", id="draining"),
        pytest.param(
            {"state": "FAILED"}, ["allocated", "write_state", "publish", "write_state"], "failed", id="failed"
        ),
        pytest.param({"state": "TEARING_DOWN"}, ["publish", "write_state"], "idle-timeout", id="again"),
    ],
)
def test_teardown_is_recorded_before_it_is_published_and_noted_after(shop, burst, effects, reason):
    before = shop.has(**burst)

    assert shop.about(before, "teardown", "left") is Outcome.CHANGED

    assert shop.effects == effects
    (after,) = shop.store.bursts
    assert (after.state, after.teardown_reason, after.teardown_published_at) == ("TEARING_DOWN", reason, LATER)
    assert after.teardown_attempts == before.teardown_attempts + 1
    (teardown,) = shop.publisher.events
    assert (teardown.burst_id, teardown.reason) == (before.burst_id, reason)


def test_teardown_that_is_owed_after_the_end_moves_nothing(shop):
    burst = shop.has("GONE", owes_teardown=True)

    assert shop.about(burst, "teardown", "unconfirmed") is Outcome.CHANGED

    (after,) = shop.store.bursts
    assert (after.state, after.owes_teardown, after.history) == ("GONE", False, burst.history)
    assert len(shop.publisher.events) == 1


@pytest.mark.parametrize("state", ["DRAINING", "FAILED", "TEARING_DOWN", "GONE"])
def test_teardown_that_cannot_be_published_stays_due(shop, state):
    burst = shop.has(state, owes_teardown=state == "GONE", teardown_published_at=None)
    shop.faults.order("publish", Unavailable("no answer"))

    assert shop.about(burst, "teardown", "left") is Outcome.FAILED

    (after,) = shop.store.bursts
    assert after.state == ("GONE" if state == "GONE" else "TEARING_DOWN")
    assert after.teardown_published_at is None
    assert after.owes_teardown is (state == "GONE")


@pytest.mark.parametrize(
    ("now", "outcome"), [(NOW + 8 * 3600 - 1, Outcome.POSTPONED), (NOW + 8 * 3600, Outcome.CHANGED)]
)
def test_teardown_of_a_failed_burst_with_work_waits_until_its_hard_end(shop, now, outcome):
    burst = shop.has("FAILED", has_drained=True)
    shop.flux.scheduler_allocated = frozenset({2})

    assert shop.about(burst, "teardown", "failed", now=now) is outcome
    assert len(shop.publisher.events) == (outcome is Outcome.CHANGED)


def test_release_undrains_and_is_noted(shop):
    burst = shop.has("GONE")
    shop.flux.ranks.drained = HOME | SLOT_0

    assert shop.about(burst, "release", "removed") is Outcome.CHANGED

    assert shop.effects == ["undrain", "write_state"]
    assert shop.store.bursts == (burst.model_copy(update={"has_drained": False}),)
    assert shop.flux.ranks.drained == HOME


@pytest.mark.parametrize("kind", ["drain", "cancel-drain", "leave", "teardown", "release"])
def test_action_on_a_burst_that_is_unknown_does_nothing(shop, kind):
    assert shop.about(make_burst(), kind, "idle") is Outcome.DONE
    assert shop.effects == []


def test_messages_that_are_on_the_way_are_neither_recorded_as_published_nor_failed(shop):
    shop.faults.order("publish", OnTheWay("not yet"))
    assert shop.request() is Outcome.DONE
    (burst,) = shop.store.bursts
    assert burst.published_at is None
    assert shop.actions.publish_request(burst, NOW + 61) is Outcome.CHANGED

    failed = shop.has("FAILED", has_drained=True)
    shop.faults.order("publish", OnTheWay("not yet"))
    assert shop.about(failed, "teardown", "failed") is Outcome.DONE
    assert shop.store.get(failed.burst_id).teardown_published_at is None


def test_lease_on_record_is_the_one_that_was_published_however_long_it_took(shop):
    burst = shop.has("ACTIVE", lease_expires_at=NOW + 60)
    shop.faults.order("publish", OnTheWay("not yet"))
    assert shop.about(burst, "renew-lease", "lease", now=NOW + 10) is Outcome.DONE
    assert shop.store.get(burst.burst_id).lease_expires_at == NOW + 60

    assert shop.about(burst, "renew-lease", "lease", now=NOW + 40) is Outcome.CHANGED
    assert shop.store.get(burst.burst_id).lease_expires_at == NOW + 10 + Policy().lease_s
