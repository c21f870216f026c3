"""The unary methods of google.pubsub.v1.Subscriber, as functions from request to response.

Lives here: one method an RPC; each raises RequestError for what it refuses.
Must not live here: gRPC wiring, StreamingPull (streaming_pull.py), delivery.
"""

import asyncio
from collections.abc import Iterable

from google.protobuf import empty_pb2

from overspill_local.pubsub import errors, protos, validation
from overspill_local.pubsub.paging import page
from overspill_local.pubsub.protos import RequestPb, ResponsePb, SubscriptionPb
from overspill_local.pubsub.push import PushDelivery
from overspill_local.pubsub.registry import Registry
from overspill_local.pubsub.subscription import Subscription

MAX_PULL_WAIT_S = 10.0
"""How long a Pull waits for a message. The API promises only a bounded wait: callers have to loop anyway."""

_ANSWER_MARGIN_S = 0.05  # an empty answer must arrive before the client's own deadline
_IMMUTABLE_FIELDS = frozenset({"name", "topic", "filter", "enable_message_ordering"})


class Subscriber:
    """Subscriptions, and taking messages from them. Must be used on a running event loop."""

    def __init__(self, registry: Registry, push: PushDelivery) -> None:
        self._registry = registry
        self._push = push

    def create_subscription(self, request: SubscriptionPb) -> SubscriptionPb:
        """Create a subscription. INVALID_ARGUMENT, OUT_OF_RANGE, ALREADY_EXISTS, NOT_FOUND, UNIMPLEMENTED."""
        validation.check_name(request.name, "subscriptions")
        if request.name in self._registry.subscriptions:
            raise errors.already_exists("Subscription", request.name)
        self._registry.topic(request.topic)
        validation.complete_subscription(request)
        self._check_dead_letter_topic(request)
        request.state = protos.Subscription.State.ACTIVE
        loop = asyncio.get_running_loop()
        subscription = Subscription(request, loop, self._registry.forward)
        self._registry.subscriptions[request.name] = subscription
        self._push.follow(subscription)
        return request

    def update_subscription(self, request: RequestPb) -> SubscriptionPb:
        """Change the fields that the mask names. As create_subscription."""
        subscription = self._registry.subscription(request.subscription.name)
        paths = request.update_mask.paths
        validation.check_update(subscription.config, paths, _IMMUTABLE_FIELDS)
        candidate = protos.Subscription()
        candidate.CopyFrom(subscription.config)
        request.update_mask.MergeMessage(request.subscription, candidate, True, True)
        self._reconfigure(subscription, candidate)
        return subscription.config

    def modify_push_config(self, request: RequestPb) -> ResponsePb:
        """Change the endpoint; an empty one makes it a pull subscription. As create_subscription."""
        subscription = self._registry.subscription(request.subscription)
        candidate = protos.Subscription()
        candidate.CopyFrom(subscription.config)
        candidate.push_config.CopyFrom(request.push_config)
        self._reconfigure(subscription, candidate)
        return empty_pb2.Empty()

    def get_subscription(self, request: RequestPb) -> SubscriptionPb:
        """Return a subscription. NOT_FOUND."""
        return self._registry.subscription(request.subscription).config

    def list_subscriptions(self, request: RequestPb) -> ResponsePb:
        """Return a project's subscriptions."""
        names = [name for name in self._registry.subscriptions if name.startswith(f"{request.project}/")]
        names, token = page(names, request.page_size, request.page_token)
        configs = [self._registry.subscriptions[name].config for name in names]
        return protos.ListSubscriptionsResponse(subscriptions=configs, next_page_token=token)

    def delete_subscription(self, request: RequestPb) -> ResponsePb:
        """Delete a subscription with its messages. NOT_FOUND."""
        self._registry.delete_subscription(request.subscription)
        self._push.forget(request.subscription)
        return empty_pb2.Empty()

    def acknowledge(self, request: RequestPb) -> ResponsePb:
        """Acknowledge messages. Late and repeated ids are INVALID_ARGUMENT if exactly-once is on, else ignored."""
        subscription = self._registry.subscription(request.subscription)
        _check_confirmed(subscription, subscription.acknowledge(request.ack_ids))
        return empty_pb2.Empty()

    def modify_ack_deadline(self, request: RequestPb) -> ResponsePb:
        """Set the rest of leases, in seconds; 0 is a nack. Unknown ids as in acknowledge."""
        subscription = self._registry.subscription(request.subscription)
        validation.check_ack_deadline(request.ack_deadline_seconds)
        _check_confirmed(subscription, subscription.modify_ack_deadline(request.ack_ids, request.ack_deadline_seconds))
        return empty_pb2.Empty()

    async def pull(self, request: RequestPb, timeout_s: float | None) -> ResponsePb:
        """Return up to max_messages, waiting for the first; empty if none comes in time.

        `timeout_s` is what is left of the client's deadline. INVALID_ARGUMENT, FAILED_PRECONDITION, NOT_FOUND.
        """
        subscription = self._registry.subscription(request.subscription)
        check_is_pull(subscription)
        if request.max_messages < 1:
            raise errors.invalid_argument("No max_messages specified: it must be at least 1.")
        wait_s = min(MAX_PULL_WAIT_S, (timeout_s or MAX_PULL_WAIT_S) - _ANSWER_MARGIN_S)
        try:
            async with asyncio.timeout(0 if request.return_immediately else wait_s):
                messages = await subscription.take(request.max_messages, subscription.config.ack_deadline_seconds)
        except TimeoutError:
            messages = []
        return protos.PullResponse(received_messages=messages)

    def _reconfigure(self, subscription: Subscription, candidate: SubscriptionPb) -> None:
        validation.complete_subscription(candidate)
        self._check_dead_letter_topic(candidate)
        subscription.config.CopyFrom(candidate)
        if candidate.push_config.push_endpoint:
            subscription.fail_outlets(_push_refusal(subscription))
        self._push.follow(subscription)

    def _check_dead_letter_topic(self, config: SubscriptionPb) -> None:
        topic = config.dead_letter_policy.dead_letter_topic
        if topic and topic not in self._registry.topics:
            raise errors.not_found("Dead letter topic", topic)


def check_is_pull(subscription: Subscription) -> None:
    """Raise FAILED_PRECONDITION if the subscription pushes."""
    if subscription.config.push_config.push_endpoint:
        raise _push_refusal(subscription)


def _push_refusal(subscription: Subscription) -> errors.RequestError:
    return errors.failed_precondition(
        f"Subscription is a push subscription (resource={subscription.name}): its messages cannot be pulled."
    )


def _check_confirmed(subscription: Subscription, invalid_ack_ids: Iterable[str]) -> None:
    if subscription.config.enable_exactly_once_delivery and invalid_ack_ids:
        raise errors.exactly_once_failure(invalid_ack_ids)
