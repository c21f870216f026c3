from __future__ import annotations

import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1.subscriber.exceptions import AcknowledgeError, AcknowledgeStatus

DEADLINE_S = 20.0


@pytest.fixture
def subscription(topic, pubsub):
    return pubsub.make_subscription(topic, enable_exactly_once_delivery=True)


def error_info(raised) -> dict[str, str]:
    (info,) = raised.value.details
    assert (info.reason, info.domain) == ("EXACTLY_ONCE_ACKID_FAILURE", "pubsub.googleapis.com")
    return dict(info.metadata)


def test_second_ack_is_an_invalid_argument_that_names_the_id(pubsub, topic, subscription):
    pubsub.publish(topic)
    ack_ids = [one.ack_id for one in pubsub.pull(subscription)]
    pubsub.subscriber.acknowledge(subscription=subscription, ack_ids=ack_ids)

    with pytest.raises(exceptions.InvalidArgument) as raised:
        pubsub.subscriber.acknowledge(subscription=subscription, ack_ids=ack_ids)

    assert error_info(raised) == {ack_ids[0]: "PERMANENT_FAILURE_INVALID_ACK_ID"}


def test_late_ack_is_an_invalid_argument_and_the_message_stays(pubsub, topic, subscription):
    pubsub.publish(topic, b"kept")
    late = [one.ack_id for one in pubsub.pull(subscription)]
    pubsub.set_deadline(subscription, late, 1)
    (again,) = pubsub.pull(subscription)

    with pytest.raises(exceptions.InvalidArgument) as raised:
        pubsub.subscriber.acknowledge(subscription=subscription, ack_ids=late)

    assert list(error_info(raised)) == late
    assert again.message.data == b"kept"
    pubsub.subscriber.acknowledge(subscription=subscription, ack_ids=[again.ack_id])


def test_deadline_of_an_acknowledged_message_is_an_invalid_argument(pubsub, topic, subscription):
    pubsub.publish(topic)
    ack_ids = [one.ack_id for one in pubsub.pull(subscription)]
    pubsub.subscriber.acknowledge(subscription=subscription, ack_ids=ack_ids)

    with pytest.raises(exceptions.InvalidArgument) as raised:
        pubsub.set_deadline(subscription, ack_ids, 30)

    assert list(error_info(raised)) == ack_ids


def test_acks_of_which_one_is_late_still_settle_the_others(pubsub, topic, subscription):
    pubsub.publish(topic, b"a")
    pubsub.publish(topic, b"b")
    one, other = (received.ack_id for received in pubsub.pull(subscription, 2))
    pubsub.subscriber.acknowledge(subscription=subscription, ack_ids=[one])

    with pytest.raises(exceptions.InvalidArgument) as raised:
        pubsub.subscriber.acknowledge(subscription=subscription, ack_ids=[one, other])

    assert list(error_info(raised)) == [one]
    assert pubsub.pull_now(subscription) == []


def test_stream_ack_with_response_succeeds_once_and_fails_the_second_time(topic, subscription, pubsub):
    messages, _ = pubsub.stream(subscription)
    pubsub.publish(topic)
    message = messages.get(timeout=DEADLINE_S)

    assert message.ack_with_response().result(DEADLINE_S) is AcknowledgeStatus.SUCCESS
    with pytest.raises(AcknowledgeError) as raised:
        message.ack_with_response().result(DEADLINE_S)

    assert raised.value.error_code is AcknowledgeStatus.INVALID_ACK_ID


def test_stream_nack_with_response_succeeds_and_redelivers(topic, subscription, pubsub):
    messages, _ = pubsub.stream(subscription)
    message_id = pubsub.publish(topic)

    assert messages.get(timeout=DEADLINE_S).nack_with_response().result(DEADLINE_S) is AcknowledgeStatus.SUCCESS
    again = messages.get(timeout=DEADLINE_S)

    assert again.message_id == message_id
    assert again.ack_with_response().result(DEADLINE_S) is AcknowledgeStatus.SUCCESS
