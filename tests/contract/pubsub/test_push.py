from __future__ import annotations

import json

import pytest

DEADLINE_S = 20.0


@pytest.fixture
def next_push(endpoint):
    return lambda: json.loads(endpoint.bodies.get(timeout=DEADLINE_S))


def push_to(endpoint) -> dict:
    return {"push_endpoint": endpoint.url}


def test_push_wraps_the_message_with_its_subscription(topic, pubsub, endpoint, next_push):
    subscription = pubsub.make_subscription(topic, push_config=push_to(endpoint))

    message_id = pubsub.publish(topic, b"\xff\x00", lead="a")
    body = next_push()

    publish_time = body["message"]["publishTime"]
    assert body == {
        "message": {
            "attributes": {"lead": "a"},
            "data": "/wA=",
            "messageId": message_id,
            "message_id": message_id,
            "publishTime": publish_time,
            "publish_time": publish_time,
        },
        "subscription": subscription,
    }


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_push_answered_with_success_is_acknowledged(backend, topic, pubsub, endpoint, eventually, status):
    backend.require("backlog")
    subscription = pubsub.make_subscription(topic, push_config=push_to(endpoint))
    endpoint.answers = [status]

    pubsub.publish(topic)

    eventually(lambda: backend.backlog(subscription).total == 0)
    assert endpoint.bodies.qsize() == 1


@pytest.mark.parametrize("status", [203, 302, 404, 429, 500, 503])
def test_push_answered_with_anything_else_is_sent_again(backend, topic, pubsub, endpoint, next_push, status):
    if status == 203:
        backend.require("203 is a nack")
    pubsub.make_subscription(topic, push_config=push_to(endpoint))
    endpoint.answers = [status]

    message_id = pubsub.publish(topic)

    assert [next_push()["message"]["messageId"] for _ in range(2)] == [message_id] * 2


def test_push_to_an_endpoint_that_is_down_arrives_once_it_is_up(pubsub, topic, endpoint, next_push):
    subscription = pubsub.make_subscription(topic, push_config={"push_endpoint": "http://127.0.0.1:9/"})
    pubsub.publish(topic, b"late")

    pubsub.subscriber.modify_push_config(subscription=subscription, push_config=push_to(endpoint))

    assert next_push()["message"]["data"] == "bGF0ZQ=="


def test_push_refused_too_often_ends_in_the_dead_letter_topic(topic, pubsub, endpoint):
    dead_letters = pubsub.make_topic()
    watch = pubsub.make_subscription(dead_letters)
    endpoint.answers = [500] * 100
    pubsub.make_subscription(
        topic,
        push_config=push_to(endpoint),
        dead_letter_policy={"dead_letter_topic": dead_letters, "max_delivery_attempts": 5},
        retry_policy={"minimum_backoff": {}, "maximum_backoff": {}},
    )

    pubsub.publish(topic, b"poison")
    (forwarded,) = pubsub.pull(watch)

    assert forwarded.message.data == b"poison"
    assert forwarded.message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert endpoint.bodies.qsize() == 5


def test_push_carries_a_message_of_just_under_ten_megabytes(pubsub, topic, endpoint, next_push):
    pubsub.make_subscription(topic, push_config=push_to(endpoint))

    pubsub.publish(topic, bytes(9_999_000))

    assert len(next_push()["message"]["data"]) == 9_999_000 * 4 / 3


def test_push_under_a_dead_letter_policy_tells_the_delivery_attempt(backend, topic, pubsub, endpoint, next_push):
    backend.require("push attempt")
    endpoint.answers = [503]
    pubsub.make_subscription(topic, push_config=push_to(endpoint), dead_letter_policy={"dead_letter_topic": topic})

    pubsub.publish(topic)

    assert [next_push()["deliveryAttempt"] for _ in range(2)] == [1, 2]


def test_push_subscription_that_turns_to_pull_pushes_no_more(pubsub, topic, endpoint, next_push, eventually):
    subscription = pubsub.make_subscription(topic, push_config=push_to(endpoint))
    pubsub.publish(topic, b"pushed")
    next_push()

    pubsub.subscriber.modify_push_config(subscription=subscription, push_config={})
    pubsub.publish(topic, b"pulled")

    # The first one may come too, if its push was cut short before it was answered.
    eventually(lambda: b"pulled" in [one.message.data for one in pubsub.pull(subscription)])
    assert endpoint.bodies.empty()


def test_pull_from_a_push_subscription_is_a_failed_precondition(backend, pubsub, topic, endpoint):
    backend.require("push exclusions")
    subscription = pubsub.make_subscription(topic, push_config=push_to(endpoint))

    with pytest.raises(Exception, match="push subscription"):
        pubsub.subscriber.pull(subscription=subscription, max_messages=1)
