from __future__ import annotations

import pytest

from overspill_local.pubsub import protos
from overspill_local.pubsub.errors import RequestError
from overspill_local.pubsub.registry import DELETED_TOPIC, Registry

TOPIC = "projects/demo/topics/orders"


@pytest.fixture
def registry(make_harness):
    registry = Registry()
    registry.topics[TOPIC] = protos.Topic(name=TOPIC)
    subscription = make_harness().subscription
    registry.subscriptions[subscription.name] = subscription
    return registry


def test_publish_stamps_each_message_with_its_own_id_and_time(registry):
    messages = [protos.PubsubMessage(data=b"a"), protos.PubsubMessage(data=b"b")]

    ids = registry.publish(TOPIC, messages)

    assert len(set(ids)) == 2
    assert [message.message_id for message in messages] == ids
    assert all(message.publish_time.seconds > 0 for message in messages)


def test_message_ids_of_two_runs_do_not_meet(registry):
    ids = {Registry().publish(TOPIC, [protos.PubsubMessage(data=b"a")])[0] for _ in range(3)}

    assert len(ids) == 3


def test_tap_sees_every_message_with_its_topic_even_without_subscriptions(registry):
    seen = []
    registry.taps.append(lambda topic, message: seen.append((topic, message.data, bool(message.message_id))))

    registry.publish(TOPIC, [protos.PubsubMessage(data=b"a")])
    registry.publish("projects/demo/topics/unheard", [protos.PubsubMessage(data=b"b")])

    assert seen == [(TOPIC, b"a", True), ("projects/demo/topics/unheard", b"b", True)]


def test_forward_to_a_topic_that_does_not_exist_says_so_and_publishes_nothing(registry):
    seen = []
    registry.taps.append(lambda *letter: seen.append(letter))

    assert registry.forward("projects/demo/topics/none", protos.PubsubMessage(data=b"a")) is False
    assert seen == []


def test_topic_that_is_deleted_leaves_its_subscription_with_its_messages(registry):
    registry.publish(TOPIC, [protos.PubsubMessage(data=b"a")])

    registry.delete_topic(TOPIC)

    (subscription,) = registry.subscriptions.values()
    assert subscription.config.topic == DELETED_TOPIC
    assert subscription.backlog.ready == 1
    with pytest.raises(RequestError, match="Topic not found"):
        registry.topic(TOPIC)


def test_topic_that_is_created_anew_does_not_get_its_old_subscriptions_back(registry):
    registry.delete_topic(TOPIC)
    registry.topics[TOPIC] = protos.Topic(name=TOPIC)

    registry.publish(TOPIC, [protos.PubsubMessage(data=b"a")])

    assert registry.attached(TOPIC) == []
