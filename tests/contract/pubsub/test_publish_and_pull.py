from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.api_core import exceptions
from google.pubsub_v1 import types


def test_message_reaches_each_subscription_with_data_attributes_id_and_time(topic, pubsub):
    subscriptions = [pubsub.make_subscription(topic), pubsub.make_subscription(topic)]

    message_id = pubsub.publish(topic, b"\x00\xff", lead="a")

    for subscription in subscriptions:
        (received,) = pubsub.pull(subscription)
        assert received.message.data == b"\x00\xff"
        assert dict(received.message.attributes) == {"lead": "a"}
        assert received.message.message_id == message_id
        assert received.message.publish_time.timestamp() > 0
        assert received.delivery_attempt == 0


def test_message_published_before_the_subscription_does_not_reach_it(topic, pubsub):
    pubsub.publish(topic, b"before")
    subscription = pubsub.make_subscription(topic)
    pubsub.publish(topic, b"after")

    assert [one.message.data for one in pubsub.pull(subscription)] == [b"after"]


def test_message_that_is_acknowledged_does_not_come_back(pubsub, topic):
    subscription = pubsub.make_subscription(topic)
    pubsub.publish(topic)
    ack_ids = [one.ack_id for one in pubsub.pull(subscription)]

    pubsub.subscriber.acknowledge(subscription=subscription, ack_ids=ack_ids)
    pubsub.subscriber.acknowledge(subscription=subscription, ack_ids=ack_ids)  # a second time changes nothing

    pubsub.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=ack_ids, ack_deadline_seconds=0)
    assert pubsub.pull_now(subscription) == []


def test_pull_takes_no_more_than_it_asks_for(topic, pubsub):
    subscription = pubsub.make_subscription(topic)
    for number in range(3):
        pubsub.publish(topic, b"%d" % number)

    assert len(pubsub.subscriber.pull(subscription=subscription, max_messages=2).received_messages) <= 2
    assert pubsub.pull(subscription)


def test_pull_without_messages_returns_empty_before_the_clients_deadline(pubsub, topic):
    subscription = pubsub.make_subscription(topic)

    assert list(pubsub.subscriber.pull(subscription=subscription, max_messages=1, timeout=0.6).received_messages) == []


def test_pull_that_waits_gets_a_message_published_meanwhile(pubsub, topic):
    subscription = pubsub.make_subscription(topic)

    with ThreadPoolExecutor() as threads:
        pulling = threads.submit(pubsub.pull, subscription)
        pubsub.publish(topic, b"meanwhile")

        assert [one.message.data for one in pulling.result(20)] == [b"meanwhile"]


def test_pull_of_no_messages_is_an_invalid_argument(pubsub, topic):
    with pytest.raises(exceptions.InvalidArgument, match="No max_messages specified"):
        pubsub.subscriber.pull(subscription=pubsub.make_subscription(topic), max_messages=0)


def test_many_messages_published_in_batches_all_arrive_once(pubsub, topic):
    subscription = pubsub.make_subscription(topic)

    futures = [pubsub.publisher.publish(topic, b"%d" % number) for number in range(500)]
    ids = {future.result(20) for future in futures}

    received = pubsub.pull(subscription, 500)
    assert {one.message.message_id for one in received} == ids
    assert sorted(int(one.message.data) for one in received) == list(range(500))


def test_message_that_is_empty_is_an_invalid_argument(topic, pubsub):
    with pytest.raises(exceptions.InvalidArgument, match="Some messages are empty"):
        pubsub.publish(topic, b"")


@pytest.mark.parametrize(
    ("attributes", "complaint"),
    [
        ({f"k{number}": "v" for number in range(101)}, "101 attributes; at most 100"),
        ({"k" * 257: "v"}, "1 to 256 bytes"),
        ({"k": "v" * 1025}, "1025 bytes; at most 1024"),
    ],
    ids=["too many", "key too long", "value too long"],
)
def test_message_with_attributes_over_the_limits_is_an_invalid_argument(backend, topic, pubsub, attributes, complaint):
    backend.require("limits")

    with pytest.raises(exceptions.InvalidArgument, match=complaint):
        pubsub.publish(topic, b"x", **attributes)


def test_message_of_over_ten_megabytes_is_an_invalid_argument(backend, pubsub, topic):
    backend.require("limits")
    # Below the client's publish(), which refuses it before it is sent.
    publish = pubsub.publisher.transport.publish
    request = types.PublishRequest(topic=topic, messages=[{"data": bytes(10_000_000)}])

    with pytest.raises(grpc.RpcError) as raised:
        publish(request, timeout=20)

    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_messages_too_large_for_one_response_come_in_several(backend, pubsub, topic):
    backend.require("response size")
    subscription = pubsub.make_subscription(topic)
    for _ in range(3):
        pubsub.publish(topic, bytes(1_900_000))

    assert [len(one.message.data) for one in pubsub.pull(subscription, 3)] == [1_900_000] * 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('attributes.lead = "a"', {b"a", b"a-ready"}),
        ('attributes.lead != "a"', {b"b", b"none"}),
        ('attributes:kind AND NOT attributes.lead = "b"', {b"a-ready"}),
        ('hasPrefix(attributes.lead, "b") OR attributes:kind', {b"b", b"a-ready"}),
    ],
)
def test_filter_lets_only_what_matches_through(backend, topic, pubsub, text, expected):
    backend.require("filters")
    subscription = pubsub.make_subscription(topic, filter=text)

    pubsub.publish(topic, b"a", lead="a")
    pubsub.publish(topic, b"a-ready", lead="a", kind="ready")
    pubsub.publish(topic, b"b", lead="b")
    pubsub.publish(topic, b"none")

    assert {one.message.data for one in pubsub.pull(subscription, len(expected))} == expected
    assert pubsub.pull_now(subscription) == []
