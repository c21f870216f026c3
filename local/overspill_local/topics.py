"""The topics and subscriptions of a local deployment, made by the real client in whichever Pub/Sub is used.

The shape is that of terraform/: a dead-letter topic with a subscription for each topic that a function serves, and push
subscriptions to the functions. Only the times are shorter. Nothing here receives a message.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import grpc
from google.api_core import exceptions as google_errors
from google.protobuf import duration_pb2
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from overspill_shared import names
from overspill_shared.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

CALL_TIMEOUT_S: Final = 15.0
MAX_DELIVERY_ATTEMPTS: Final = 100
"""The most that Pub/Sub allows, as in production: a function that is down for a while must not lose a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redelivery:
    """How a push subscription tries again; production has 10 to 600 s."""

    min_backoff_s: float = 0.2
    max_backoff_s: float = 2.0
    max_attempts: int = MAX_DELIVERY_ATTEMPTS
    ack_deadline_s: int = 600


def publisher_client(address: str) -> Any:
    """Give a client of the Pub/Sub at HOST:PORT, whatever this process's environment says."""
    return PublisherClient(transport=PublisherGrpcTransport(channel=grpc.insecure_channel(address)))


def subscriber_client(address: str) -> Any:
    """Give a client of the Pub/Sub at HOST:PORT, whatever this process's environment says."""
    return SubscriberClient(transport=SubscriberGrpcTransport(channel=grpc.insecure_channel(address)))


def create_topics(project: str, push_urls: Mapping[str, str], redelivery: Redelivery, address: str) -> None:
    """Make every topic, its dead-letter topic with a subscription, and push subscriptions.

    `push_urls` gives the base URL of the function that serves a topic; `address` is the Pub/Sub's HOST:PORT. Topics
    that exist already stay, subscriptions are made anew. Raises Unavailable if no Pub/Sub answers there.
    """
    try:
        _create_topics(project, push_urls, redelivery, address)
    except (google_errors.GoogleAPICallError, google_errors.RetryError) as exc:
        raise Unavailable(
            f"Pub/Sub at {address} did not make the topics: {exc}.", remedy="Is that emulator running? See --pubsub."
        ) from None


def _create_topics(project: str, push_urls: Mapping[str, str], redelivery: Redelivery, address: str) -> None:
    with publisher_client(address) as publisher, subscriber_client(address) as subscriber:
        for topic in names.TOPICS:
            dead = names.dead_letter_topic(topic)
            for name in (topic, dead):
                _once(publisher.create_topic, {"name": _topic(project, name)})
            request = {"name": _subscription(project, dead), "topic": _topic(project, dead)}
            _anew(subscriber, request)
        for topic, url in push_urls.items():
            _anew(subscriber, _push_subscription(project, topic, url, redelivery))


def _push_subscription(project: str, topic: str, url: str, redelivery: Redelivery) -> dict[str, Any]:
    return {
        "name": _subscription(project, f"{topic}-push"),
        "topic": _topic(project, topic),
        # The path makes functions-framework name the topic in the CloudEvent's source.
        "push_config": {"push_endpoint": f"{url}/{_topic(project, topic)}"},
        "ack_deadline_seconds": redelivery.ack_deadline_s,
        "retry_policy": {
            "minimum_backoff": _duration(redelivery.min_backoff_s),
            "maximum_backoff": _duration(redelivery.max_backoff_s),
        },
        "dead_letter_policy": {
            "dead_letter_topic": _topic(project, names.dead_letter_topic(topic)),
            "max_delivery_attempts": redelivery.max_attempts,
        },
    }


def _topic(project: str, name: str) -> str:
    return f"projects/{project}/topics/{name}"


def _subscription(project: str, name: str) -> str:
    return f"projects/{project}/subscriptions/{name}"


def _anew(subscriber: Any, request: Mapping[str, Any]) -> None:
    """Make a subscription; one of an earlier run, in an emulator that outlived it, would push to nobody."""
    with contextlib.suppress(google_errors.NotFound):
        subscriber.delete_subscription(request={"subscription": request["name"]}, timeout=CALL_TIMEOUT_S, retry=None)
    subscriber.create_subscription(request=request, timeout=CALL_TIMEOUT_S, retry=None)


def _once(create: Any, request: Mapping[str, Any]) -> None:
    try:
        create(request=request, timeout=CALL_TIMEOUT_S, retry=None)
    except google_errors.AlreadyExists:
        return


def _duration(seconds: float) -> duration_pb2.Duration:
    whole = int(seconds)
    return duration_pb2.Duration(seconds=whole, nanos=int((seconds - whole) * 1e9))
