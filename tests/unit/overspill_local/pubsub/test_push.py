from __future__ import annotations

from overspill_local.pubsub import protos
from overspill_local.pubsub.push import build_push_body

SUBSCRIPTION = "projects/demo/subscriptions/orders"


def received(delivery_attempt: int = 0, **message):
    pb = protos.PubsubMessage(message_id="7", **message)
    pb.publish_time.FromMilliseconds(1_500)
    return protos.ReceivedMessage(ack_id="a", message=pb, delivery_attempt=delivery_attempt)


def test_push_body_of_a_message_is_the_documented_wrapper():
    assert build_push_body(received(data=b"\xff\x00", attributes={"lead": "a"}), SUBSCRIPTION) == {
        "message": {
            "attributes": {"lead": "a"},
            "data": "/wA=",
            "messageId": "7",
            "message_id": "7",
            "publishTime": "1970-01-01T00:00:01.500Z",
            "publish_time": "1970-01-01T00:00:01.500Z",
        },
        "subscription": SUBSCRIPTION,
    }


def test_push_body_under_a_dead_letter_policy_tells_the_delivery_attempt():
    assert build_push_body(received(delivery_attempt=3, data=b"x"), SUBSCRIPTION)["deliveryAttempt"] == 3


def test_push_body_of_a_message_with_an_ordering_key_carries_it():
    assert build_push_body(received(data=b"x", ordering_key="k"), SUBSCRIPTION)["message"]["orderingKey"] == "k"
