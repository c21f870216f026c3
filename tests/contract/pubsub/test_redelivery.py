from __future__ import annotations

import time


def test_message_that_is_nacked_is_redelivered_under_another_ack_id(topic, pubsub):
    subscription = pubsub.make_subscription(topic)
    pubsub.publish(topic, b"again")
    first = pubsub.pull(subscription)

    pubsub.nack(subscription, first)
    second = pubsub.pull(subscription)

    assert second[0].message == first[0].message
    assert second[0].ack_id != first[0].ack_id


def test_message_whose_lease_runs_out_is_redelivered_and_not_before(pubsub, topic):
    subscription = pubsub.make_subscription(topic)
    pubsub.publish(topic, b"again")
    ack_ids = [one.ack_id for one in pubsub.pull(subscription)]
    start = time.monotonic()
    pubsub.set_deadline(subscription, ack_ids, 1)

    early = pubsub.pull_now(subscription)
    assert early == [] or time.monotonic() - start >= 1

    assert [one.message.data for one in early or pubsub.pull(subscription)] == [b"again"]
    assert time.monotonic() - start >= 0.9


def test_message_nacked_too_often_is_forwarded_with_its_origin(topic, pubsub):
    dead_letters = pubsub.make_topic()
    watch = pubsub.make_subscription(dead_letters)
    policy = {"dead_letter_topic": dead_letters, "max_delivery_attempts": 5}
    subscription = pubsub.make_subscription(topic, dead_letter_policy=policy)
    pubsub.publish(topic, b"poison", lead="a")

    attempts = []
    for _ in range(5):
        received = pubsub.pull(subscription)
        attempts.append(received[0].delivery_attempt)
        pubsub.nack(subscription, received)
    assert pubsub.pull_now(subscription) == []
    (forwarded,) = pubsub.pull(watch)

    attributes = dict(forwarded.message.attributes)
    assert attempts == [1, 2, 3, 4, 5]
    assert forwarded.message.data == b"poison"
    assert attributes.pop("CloudPubSubDeadLetterSourceTopicPublishTime").endswith("Z")
    assert attributes == {
        "lead": "a",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": subscription.split("/")[-1],
        "CloudPubSubDeadLetterSourceSubscriptionProject": "demo",
    }


def test_message_under_a_retry_policy_rests_before_it_is_redelivered(backend, topic, pubsub):
    backend.require("retry policy")
    policy = {"minimum_backoff": {"nanos": 400_000_000}, "maximum_backoff": {"seconds": 1}}
    subscription = pubsub.make_subscription(topic, retry_policy=policy)
    pubsub.publish(topic, b"later")
    received = pubsub.pull(subscription)

    start = time.monotonic()
    pubsub.nack(subscription, received)
    pubsub.pull(subscription)

    assert time.monotonic() - start >= 0.4


def test_backlog_tells_what_is_in_flight_and_what_rests(backend, topic, pubsub):
    backend.require("backlog")
    subscription = pubsub.make_subscription(topic, retry_policy={"minimum_backoff": {"seconds": 60}})
    pubsub.publish(topic, b"a")
    pubsub.publish(topic, b"b")
    pubsub.publish(topic, b"c")

    pubsub.nack(subscription, pubsub.pull(subscription))
    pubsub.pull(subscription)

    backlog = backend.backlog(subscription)
    assert (backlog.ready, backlog.backing_off, backlog.in_flight) == (1, 1, 1)
