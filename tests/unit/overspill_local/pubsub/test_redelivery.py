from __future__ import annotations

from datetime import timedelta

import pytest
from google.protobuf import duration_pb2
from hypothesis import given
from hypothesis import strategies as st

from overspill_local.pubsub import protos, redelivery


def duration(seconds: float):
    value = duration_pb2.Duration()
    value.FromTimedelta(timedelta(seconds=seconds))
    return value


def retrying(minimum_s: float, maximum_s: float):
    policy = {"minimum_backoff": duration(minimum_s), "maximum_backoff": duration(maximum_s)}
    return protos.Subscription(retry_policy=policy)


@given(st.integers(0, 600), st.integers(0, 600), st.integers(1, 10_000))
def test_backoff_of_a_retry_policy_stays_in_its_bounds_and_never_shrinks(one, other, attempt):
    minimum_s, maximum_s = sorted((one, other))
    config = retrying(minimum_s, maximum_s)

    now_s, next_s = (redelivery.backoff_s(config, number) for number in (attempt, attempt + 1))

    assert minimum_s <= now_s <= next_s <= maximum_s


def test_backoff_of_a_retry_policy_doubles_from_minimum_to_maximum():
    config = retrying(0.5, 3)

    assert [redelivery.backoff_s(config, attempt) for attempt in (1, 2, 3, 4, 5)] == [0.5, 1, 2, 3, 3]


def test_backoff_of_a_pull_subscription_without_policy_is_nothing():
    assert redelivery.backoff_s(protos.Subscription(), attempt=7) == 0


def test_backoff_of_a_push_subscription_without_policy_goes_from_100_ms_to_60_s():
    config = protos.Subscription(push_config={"push_endpoint": "http://127.0.0.1/"})

    assert redelivery.backoff_s(config, attempt=1) == pytest.approx(0.1)
    assert redelivery.backoff_s(config, attempt=100) == 60


@pytest.mark.parametrize(("attempt", "expected"), [(4, False), (5, True), (6, True)])
def test_message_at_an_attempt_is_exhausted_from_the_policy_maximum_on(attempt, expected):
    policy = {"dead_letter_topic": "projects/p/topics/dead", "max_delivery_attempts": 5}

    assert redelivery.is_exhausted(protos.Subscription(dead_letter_policy=policy), attempt) is expected
    assert redelivery.is_exhausted(protos.Subscription(), attempt) is False


def test_dead_letter_of_a_message_says_where_it_comes_from_and_leaves_the_original_alone():
    message = protos.PubsubMessage(data=b"poison", attributes={"lead": "a"}, message_id="7")
    message.publish_time.FromMilliseconds(1_500)

    dead_letter = redelivery.build_dead_letter(message, 5, "projects/demo/subscriptions/orders")

    assert dead_letter.data == b"poison"
    assert dict(dead_letter.attributes) == {
        "lead": "a",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": "orders",
        "CloudPubSubDeadLetterSourceSubscriptionProject": "demo",
        "CloudPubSubDeadLetterSourceTopicPublishTime": "1970-01-01T00:00:01.500Z",
    }
    assert dict(message.attributes) == {"lead": "a"}
