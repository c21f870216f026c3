"""What exists: topics, subscriptions, and which is attached to which.

Lives here: look-up by name, attaching and detaching, publishing to everything attached, taps.
Must not live here: gRPC requests, validation, delivery.
"""

import itertools
import random
import time
from collections.abc import Callable, Sequence

from google.protobuf import timestamp_pb2

from overspill_local.pubsub import errors
from overspill_local.pubsub.protos import MessagePb, TopicPb
from overspill_local.pubsub.subscription import Subscription

DELETED_TOPIC = "_deleted-topic_"
"""What the service shows as the topic of a subscription whose topic was deleted."""

Tap = Callable[[str, MessagePb], object]
"""Called with the topic's full name and the message as published; must neither block nor raise."""


class Registry:
    """The state of the service: in memory only, gone with the process."""

    def __init__(self) -> None:
        self.topics: dict[str, TopicPb] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.taps: list[Tap] = []
        # A random start keeps ids of one run from being taken for those of another.
        self._message_ids = itertools.count(random.randrange(10**15, 9 * 10**15))

    def topic(self, name: str) -> TopicPb:
        """Return a topic, or raise NOT_FOUND."""
        if name not in self.topics:
            raise errors.not_found("Topic", name)
        return self.topics[name]

    def subscription(self, name: str) -> Subscription:
        """Return a subscription, or raise NOT_FOUND."""
        if name not in self.subscriptions:
            raise errors.not_found("Subscription", name)
        return self.subscriptions[name]

    def attached(self, topic: str) -> list[Subscription]:
        """Return the subscriptions of a topic."""
        return [one for one in self.subscriptions.values() if one.config.topic == topic]

    def publish(self, topic: str, messages: Sequence[MessagePb]) -> list[str]:
        """Stamp the messages, in place, and queue them everywhere; return their ids.

        The publish time is the one use of the wall clock: subscribers read it, nothing here depends on it.
        """
        now = timestamp_pb2.Timestamp()
        now.FromMilliseconds(time.time_ns() // 1_000_000)
        for message in messages:
            message.message_id = str(next(self._message_ids))
            message.publish_time.CopyFrom(now)
            for tap in self.taps:
                tap(topic, message)
        for subscription in self.attached(topic):
            subscription.offer(messages)
        return [message.message_id for message in messages]

    def forward(self, topic: str, message: MessagePb) -> bool:
        """Publish a dead letter; False if its topic does not exist."""
        if topic not in self.topics:
            return False
        self.publish(topic, [message])
        return True

    def delete_topic(self, name: str) -> None:
        """Drop a topic; its subscriptions keep what they have. Raises NOT_FOUND."""
        self.topic(name)
        for subscription in self.attached(name):
            subscription.config.topic = DELETED_TOPIC
        del self.topics[name]

    def delete_subscription(self, name: str) -> None:
        """Drop a subscription with its messages; who waits for them gets NOT_FOUND. Raises NOT_FOUND."""
        self.subscription(name).close(errors.not_found("Subscription", name))
        del self.subscriptions[name]

    def close(self) -> None:
        """End everything that waits with UNAVAILABLE."""
        for subscription in self.subscriptions.values():
            subscription.close(errors.unavailable())
