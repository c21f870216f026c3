from __future__ import annotations

import asyncio

import pytest

from overspill_local.pubsub import errors, protos
from overspill_local.pubsub.subscription import Backlog

DEAD_LETTERS = "projects/demo/topics/dead-letters"
DEAD_LETTER_POLICY = {"dead_letter_topic": DEAD_LETTERS, "max_delivery_attempts": 5}
GONE = errors.not_found("Subscription", "orders")


def data_of(received) -> list[bytes]:
    return [one.message.data for one in received]


def ids_of(received) -> list[str]:
    return [one.ack_id for one in received]


def test_message_offered_is_leased_once_until_acknowledged(make_harness):
    harness = make_harness()
    harness.offer(b"a", b"b")

    first = harness.lease(10)

    assert data_of(first) == [b"a", b"b"]
    assert harness.lease(10) == []
    assert harness.subscription.backlog == Backlog(ready=0, backing_off=0, in_flight=2)
    assert harness.subscription.acknowledge(ids_of(first)) == []
    assert harness.subscription.backlog.total == 0
    assert harness.clock.pending == []


def test_message_that_the_filter_excludes_is_never_queued(make_harness):
    harness = make_harness(filter='attributes.lead = "a"')

    harness.offer(b"other", lead="b")
    harness.offer(b"mine", lead="a")

    assert data_of(harness.lease(10)) == [b"mine"]


def test_lease_at_its_deadline_expires_and_the_message_is_redelivered_under_a_new_id(make_harness):
    harness = make_harness()
    harness.offer(b"a")
    (first,) = harness.lease(ack_deadline_s=10)

    harness.clock.advance(9.9)
    assert harness.lease() == []
    harness.clock.advance(0.1)
    (second,) = harness.lease()

    assert second.message.data == b"a"
    assert second.ack_id != first.ack_id
    assert harness.subscription.acknowledge([first.ack_id]) == [first.ack_id]
    assert harness.subscription.backlog.in_flight == 1


def test_lease_that_is_extended_expires_at_the_new_deadline_only(make_harness):
    harness = make_harness()
    harness.offer(b"a")
    ack_ids = ids_of(harness.lease(ack_deadline_s=10))

    harness.clock.advance(8)
    assert harness.subscription.modify_ack_deadline(ack_ids, 60) == []
    harness.clock.advance(59)
    assert harness.lease() == []
    harness.clock.advance(1)

    assert data_of(harness.lease()) == [b"a"]


def test_deadline_of_an_unknown_lease_is_reported_invalid(make_harness):
    harness = make_harness()
    harness.offer(b"a")
    (received,) = harness.lease()

    assert harness.subscription.modify_ack_deadline(["unknown", received.ack_id], 60) == ["unknown"]
    assert harness.subscription.modify_ack_deadline(["unknown"], 0) == ["unknown"]


def test_nack_by_deadline_zero_without_retry_policy_redelivers_at_once(make_harness):
    harness = make_harness()
    harness.offer(b"a")

    harness.subscription.modify_ack_deadline(ids_of(harness.lease()), 0)

    assert data_of(harness.lease()) == [b"a"]


def test_nacks_with_a_retry_policy_rest_for_a_doubling_time(make_harness):
    harness = make_harness(retry_policy={"minimum_backoff": {"seconds": 2}, "maximum_backoff": {"seconds": 5}})
    harness.offer(b"a")

    for backoff_s in (2, 4, 5, 5):
        harness.subscription.nack(ids_of(harness.lease()))
        harness.clock.advance(backoff_s - 0.1)
        assert harness.lease() == []
        assert harness.subscription.backlog == Backlog(ready=0, backing_off=1, in_flight=0)
        harness.clock.advance(0.1)

    assert data_of(harness.lease()) == [b"a"]


def test_expired_lease_with_a_retry_policy_rests_too(make_harness):
    harness = make_harness(retry_policy={"minimum_backoff": {"seconds": 2}})
    harness.offer(b"a")
    harness.lease(ack_deadline_s=10)

    harness.clock.advance(11.9)
    assert harness.lease() == []
    harness.clock.advance(0.1)

    assert data_of(harness.lease()) == [b"a"]


def test_delivery_attempt_with_a_dead_letter_policy_counts_from_one(make_harness):
    harness = make_harness(dead_letter_policy=DEAD_LETTER_POLICY)
    harness.offer(b"a")
    attempts = []

    for _ in range(3):
        (received,) = harness.lease()
        attempts.append(received.delivery_attempt)
        harness.subscription.nack([received.ack_id])

    assert attempts == [1, 2, 3]


def test_delivery_attempt_without_a_dead_letter_policy_is_not_told(make_harness):
    harness = make_harness()
    harness.offer(b"a")

    (received,) = harness.lease()

    assert received.delivery_attempt == 0


def test_message_nacked_as_often_as_allowed_is_forwarded_and_forgotten(make_harness):
    harness = make_harness(dead_letter_policy=DEAD_LETTER_POLICY)
    harness.offer(b"poison")

    for _ in range(5):
        assert harness.dead_letters == []
        harness.subscription.nack(ids_of(harness.lease()))

    ((topic, message),) = harness.dead_letters
    assert topic == DEAD_LETTERS
    assert message.data == b"poison"
    assert message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert harness.subscription.backlog.total == 0


def test_message_whose_leases_expire_as_often_as_allowed_is_forwarded_too(make_harness):
    harness = make_harness(dead_letter_policy=DEAD_LETTER_POLICY)
    harness.offer(b"poison")

    for _ in range(5):
        harness.lease(ack_deadline_s=10)
        harness.clock.advance(10)

    assert [message.data for _, message in harness.dead_letters] == [b"poison"]


def test_exhausted_message_without_its_dead_letter_topic_is_kept_and_tried_again(make_harness):
    harness = make_harness(dead_letter_policy=DEAD_LETTER_POLICY)
    harness.has_dead_letter_topic = False
    harness.offer(b"poison")

    for _ in range(6):
        harness.subscription.nack(ids_of(harness.lease()))

    assert data_of(harness.lease()) == [b"poison"]


def test_message_given_back_unsent_comes_first_and_counts_no_attempt(make_harness):
    harness = make_harness(dead_letter_policy=DEAD_LETTER_POLICY)
    harness.offer(b"a", b"b", b"c")

    harness.subscription.give_back(ids_of(harness.lease(2)))
    received = harness.lease(3)

    assert data_of(received) == [b"a", b"b", b"c"]
    assert [one.delivery_attempt for one in received] == [1, 1, 1]


def test_lease_of_large_messages_ends_before_the_response_is_too_large(make_harness):
    harness = make_harness()
    harness.offer(*[bytes(1_900_000)] * 3, bytes(9_000_000), b"x")

    batches = [harness.lease(10) for _ in range(4)]

    assert [[len(data) for data in data_of(batch)] for batch in batches] == [
        [1_900_000, 1_900_000],
        [1_900_000],
        [9_000_000],
        [1],
    ]


def test_open_streams_share_what_is_published(make_harness, make_outlet):
    harness = make_harness()
    outlets = [make_outlet(), make_outlet()]
    for outlet in outlets:
        harness.subscription.attach(outlet)

    harness.offer(*[b"x"] * 10)

    assert [len(outlet.received) for outlet in outlets] == [5, 5]


def test_open_streams_take_turns_at_single_messages(make_harness, make_outlet):
    harness = make_harness()
    outlets = [make_outlet(), make_outlet()]
    for outlet in outlets:
        harness.subscription.attach(outlet)

    for data in (b"a", b"b", b"c", b"d"):
        harness.offer(data)

    assert [data_of(outlet.received) for outlet in outlets] == [[b"a", b"c"], [b"b", b"d"]]


def test_stream_without_room_gets_more_only_as_messages_are_settled(make_harness, make_outlet):
    harness = make_harness()
    outlet = make_outlet(room=2)
    harness.subscription.attach(outlet)
    harness.offer(b"a", b"b", b"c", b"d")
    assert data_of(outlet.received) == [b"a", b"b"]

    harness.subscription.acknowledge([outlet.received[0].ack_id])
    assert data_of(outlet.received) == [b"a", b"b", b"c"]

    harness.clock.advance(10)
    assert data_of(outlet.received)[3:] == [b"d", b"b"]


def test_stream_that_is_detached_gets_nothing_and_its_leases_run_out(make_harness, make_outlet):
    harness = make_harness()
    outlet = make_outlet()
    harness.subscription.attach(outlet)
    harness.offer(b"a")
    harness.subscription.detach(outlet)

    harness.offer(b"b")
    assert data_of(harness.lease(10)) == [b"b"]
    harness.clock.advance(10)

    assert set(data_of(harness.lease(10))) == {b"a", b"b"}
    assert data_of(outlet.received) == [b"a"]


def test_take_waits_for_a_message_that_comes_later(make_harness):
    async def scenario():
        harness = make_harness()
        waiting = asyncio.create_task(harness.subscription.take(5, 10))
        await asyncio.sleep(0)
        assert not waiting.done()
        harness.offer(b"a")
        return await asyncio.wait_for(waiting, 5)

    assert data_of(asyncio.run(scenario())) == [b"a"]


def test_two_takers_of_one_message_leave_one_waiting(make_harness):
    async def scenario():
        harness = make_harness()
        takers = [asyncio.create_task(harness.subscription.take(5, 10)) for _ in range(2)]
        await asyncio.sleep(0)
        harness.offer(b"a")
        done, waiting = await asyncio.wait(takers, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        harness.offer(b"b")
        return [await done.pop(), await asyncio.wait_for(waiting.pop(), 5)]

    first, second = asyncio.run(scenario())

    assert data_of(first + second) == [b"a", b"b"]


def test_close_ends_takers_and_streams_and_cancels_every_timer(make_harness, make_outlet):
    async def scenario():
        harness = make_harness(retry_policy={"minimum_backoff": {"seconds": 9}})
        harness.offer(b"a", b"b")
        leased = harness.lease(2)
        harness.subscription.nack([leased[0].ack_id])
        taker = asyncio.create_task(harness.subscription.take(1, 10))
        await asyncio.sleep(0)
        outlet = make_outlet()
        harness.subscription.attach(outlet)

        harness.subscription.close(GONE)

        with pytest.raises(errors.RequestError, match="not found"):
            await asyncio.wait_for(taker, 5)
        assert outlet.failures == [GONE]
        assert harness.clock.pending == []
        assert harness.subscription.backlog.total == 0
        assert harness.subscription.acknowledge([leased[1].ack_id]) == [leased[1].ack_id]

    asyncio.run(scenario())


def test_message_shared_by_two_subscriptions_is_acknowledged_for_each_alone(make_harness):
    one, other = make_harness(), make_harness()
    message = protos.PubsubMessage(data=b"a")
    for harness in (one, other):
        harness.subscription.offer([message])

    one.subscription.acknowledge(ids_of(one.lease()))

    assert one.subscription.backlog.total == 0
    assert data_of(other.lease()) == [b"a"]
