from __future__ import annotations

import pytest
from google.api_core import exceptions

DEADLINE_S = 20.0


def test_stream_delivers_what_is_published_and_forgets_what_is_acknowledged(backend, topic, pubsub):
    subscription = pubsub.make_subscription(topic)
    messages, future = pubsub.stream(subscription)

    ids = [pubsub.publish(topic, b"%d" % number, lead="a") for number in range(3)]
    received = [messages.get(timeout=DEADLINE_S) for _ in ids]
    for message in received:
        message.ack()
    future.cancel()
    future.result(DEADLINE_S)

    assert sorted(message.message_id for message in received) == sorted(ids)
    assert {message.attributes["lead"] for message in received} == {"a"}
    assert pubsub.pull_now(subscription) == []


def test_stream_message_that_is_nacked_comes_again(topic, pubsub):
    subscription = pubsub.make_subscription(topic)
    messages, _ = pubsub.stream(subscription)

    pubsub.publish(topic, b"again")
    first = messages.get(timeout=DEADLINE_S)
    first.nack()
    second = messages.get(timeout=DEADLINE_S)
    second.ack()

    assert second.message_id == first.message_id


def test_two_streams_of_a_subscription_share_its_messages(pubsub, topic, eventually):
    subscription = pubsub.make_subscription(topic)
    received: list[set[str]] = [set(), set()]
    for ids in received:
        pubsub.stream(subscription, lambda message, ids=ids: (ids.add(message.message_id), message.ack()))
    published = set()

    def both_have_some() -> bool:
        published.add(pubsub.publish(topic))
        return all(received)

    eventually(both_have_some)
    eventually(lambda: received[0] | received[1] == published)

    assert received[0] & received[1] == set()


def test_stream_flow_control_bounds_what_is_outstanding(topic, pubsub, eventually):
    subscription = pubsub.make_subscription(topic)
    messages, _ = pubsub.stream(subscription, max_messages=2)

    for number in range(5):
        pubsub.publish(topic, b"%d" % number)
    held = [messages.get(timeout=DEADLINE_S) for _ in range(2)]
    assert messages.empty()
    received = list(held)
    while len(received) < 5:
        held.pop().ack()
        received.append(messages.get(timeout=DEADLINE_S))
        held.append(received[-1])
    for message in held:
        message.ack()

    assert sorted(message.data for message in received) == [b"0", b"1", b"2", b"3", b"4"]


def test_stream_of_a_missing_subscription_ends_with_not_found(pubsub):
    _, future = pubsub.stream(pubsub.unique("subscriptions"))

    with pytest.raises(exceptions.NotFound):
        future.result(DEADLINE_S)


def test_stream_whose_subscription_is_deleted_ends_with_not_found(pubsub, topic):
    subscription = pubsub.make_subscription(topic)
    messages, future = pubsub.stream(subscription)
    pubsub.publish(topic)
    messages.get(timeout=DEADLINE_S).ack()

    pubsub.subscriber.delete_subscription(subscription=subscription)

    with pytest.raises(exceptions.NotFound):
        future.result(DEADLINE_S)


def test_stream_of_a_push_subscription_ends_with_failed_precondition(topic, pubsub):
    subscription = pubsub.make_subscription(topic, push_config={"push_endpoint": "http://127.0.0.1:9/"})
    _, future = pubsub.stream(subscription)

    with pytest.raises(exceptions.FailedPrecondition, match="push subscription"):
        future.result(DEADLINE_S)


def test_stream_whose_subscription_turns_to_push_ends_with_failed_precondition(backend, pubsub, topic, endpoint):
    backend.require("push exclusions")
    subscription = pubsub.make_subscription(topic)
    messages, future = pubsub.stream(subscription)
    pubsub.publish(topic)
    messages.get(timeout=DEADLINE_S).ack()

    pubsub.subscriber.modify_push_config(subscription=subscription, push_config={"push_endpoint": endpoint.url})

    with pytest.raises(exceptions.FailedPrecondition, match="push subscription"):
        future.result(DEADLINE_S)
