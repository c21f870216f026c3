"""The gRPC server: methods by name, errors as status, start and stop.

Lives here: PubSubServer, the one public class, and the tables that name each RPC's handler and messages.
Must not live here: what an RPC does.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import grpc
from google.protobuf import empty_pb2

from overspill_local.pubsub import protos
from overspill_local.pubsub.errors import RequestError
from overspill_local.pubsub.protos import RequestPb, ResponsePb
from overspill_local.pubsub.publisher import Publisher
from overspill_local.pubsub.push import PushDelivery
from overspill_local.pubsub.registry import Registry, Tap
from overspill_local.pubsub.streaming_pull import serve_stream
from overspill_local.pubsub.subscriber import Subscriber
from overspill_local.pubsub.subscription import Backlog

_MAX_REQUEST_BYTES = 20_000_000  # above the message limit, so that the service can say which limit was broken
_STOP_GRACE_S = 1.0

_OPTIONS = (
    ("grpc.max_receive_message_length", _MAX_REQUEST_BYTES),
    ("grpc.so_reuseport", 0),  # else two servers share a port without a word
)

_Answer: TypeAlias = Callable[[RequestPb, Any], Awaitable[ResponsePb]]
_Row: TypeAlias = tuple[str, Callable[[RequestPb], ResponsePb], Any, Any]


class PubSubServer:
    """An in-memory Pub/Sub service for clients that find it by PUBSUB_EMULATOR_HOST.

    It has no message retention, ordering, schemas, seek or snapshots; asking for one is an error.
    """

    def __init__(self) -> None:
        self._registry = Registry()
        self._push = PushDelivery()
        self._server: Any = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen, without TLS, and return the port (a free one for 0). Raises RuntimeError if it is taken."""
        server = grpc.aio.server(options=_OPTIONS)
        publisher = Publisher(self._registry)
        subscriber = Subscriber(self._registry, self._push)
        methods = {
            "google.pubsub.v1.Publisher": _publisher_rpcs(publisher),
            "google.pubsub.v1.Subscriber": _subscriber_rpcs(subscriber, self._registry),
        }
        server.add_generic_rpc_handlers(
            tuple(grpc.method_handlers_generic_handler(service, rpcs) for service, rpcs in methods.items())
        )
        bound_port: int = server.add_insecure_port(f"{host}:{port}")
        await server.start()
        self._server = server
        return bound_port

    async def stop(self) -> None:
        """End open calls with UNAVAILABLE, pushes and connections too; all messages are gone."""
        if self._server is None:
            return
        # New calls are refused first: a client that reconnects at once must not find the service half closed.
        stopping = asyncio.create_task(self._server.stop(_STOP_GRACE_S))
        await asyncio.sleep(0)
        self._registry.close()
        await self._push.close()
        await stopping

    def on_publish(self, tap: Tap) -> None:
        """Call `tap(topic, message)` on the server's loop for each message published, dead letters too."""
        self._registry.taps.append(tap)

    def backlog(self, subscription: str) -> Backlog:
        """Count what a subscription (full name) holds. Raises RequestError if there is none.

        Call it on the server's loop: seen from another thread, a message on its way is nowhere.
        """
        return self._registry.subscription(subscription).backlog


@asynccontextmanager
async def _errors_as_status(context: Any) -> AsyncIterator[None]:
    try:
        yield
    except RequestError as error:
        await context.abort(error.code, error.text, error.trailing_metadata)


def _unary(answer: _Answer, request_class: Any, response_class: Any) -> Any:
    return grpc.unary_unary_rpc_method_handler(
        answer, request_deserializer=request_class.FromString, response_serializer=response_class.SerializeToString
    )


def _plain(method: Callable[[RequestPb], ResponsePb]) -> _Answer:
    async def answer(request: RequestPb, context: Any) -> ResponsePb:
        async with _errors_as_status(context):
            return method(request)

    return answer


def _pull(subscriber: Subscriber) -> _Answer:
    async def answer(request: RequestPb, context: Any) -> ResponsePb:
        async with _errors_as_status(context):
            return await subscriber.pull(request, context.time_remaining())

    return answer


def _streaming_pull(registry: Registry) -> Any:
    async def answer(requests: AsyncIterator[RequestPb], context: Any) -> None:
        async with _errors_as_status(context):
            await serve_stream(registry, aiter(requests), context)

    return grpc.stream_stream_rpc_method_handler(
        answer,
        request_deserializer=protos.StreamingPullRequest.FromString,
        response_serializer=protos.StreamingPullResponse.SerializeToString,
    )


def _unary_rpcs(rows: tuple[_Row, ...]) -> dict[str, Any]:
    return {
        name: _unary(_plain(method), request_class, response_class)
        for name, method, request_class, response_class in rows
    }


def _publisher_rpcs(publisher: Publisher) -> dict[str, Any]:
    rows: tuple[_Row, ...] = (
        ("CreateTopic", publisher.create_topic, protos.Topic, protos.Topic),
        ("UpdateTopic", publisher.update_topic, protos.UpdateTopicRequest, protos.Topic),
        ("GetTopic", publisher.get_topic, protos.GetTopicRequest, protos.Topic),
        ("ListTopics", publisher.list_topics, protos.ListTopicsRequest, protos.ListTopicsResponse),
        (
            "ListTopicSubscriptions",
            publisher.list_topic_subscriptions,
            protos.ListTopicSubscriptionsRequest,
            protos.ListTopicSubscriptionsResponse,
        ),
        ("DeleteTopic", publisher.delete_topic, protos.DeleteTopicRequest, empty_pb2.Empty),
        ("Publish", publisher.publish, protos.PublishRequest, protos.PublishResponse),
    )
    return _unary_rpcs(rows)


def _subscriber_rpcs(subscriber: Subscriber, registry: Registry) -> dict[str, Any]:
    empty = empty_pb2.Empty
    rows: tuple[_Row, ...] = (
        ("CreateSubscription", subscriber.create_subscription, protos.Subscription, protos.Subscription),
        ("UpdateSubscription", subscriber.update_subscription, protos.UpdateSubscriptionRequest, protos.Subscription),
        ("ModifyPushConfig", subscriber.modify_push_config, protos.ModifyPushConfigRequest, empty),
        ("GetSubscription", subscriber.get_subscription, protos.GetSubscriptionRequest, protos.Subscription),
        (
            "ListSubscriptions",
            subscriber.list_subscriptions,
            protos.ListSubscriptionsRequest,
            protos.ListSubscriptionsResponse,
        ),
        ("DeleteSubscription", subscriber.delete_subscription, protos.DeleteSubscriptionRequest, empty),
        ("Acknowledge", subscriber.acknowledge, protos.AcknowledgeRequest, empty),
        ("ModifyAckDeadline", subscriber.modify_ack_deadline, protos.ModifyAckDeadlineRequest, empty),
    )
    return {
        **_unary_rpcs(rows),
        "Pull": _unary(_pull(subscriber), protos.PullRequest, protos.PullResponse),
        "StreamingPull": _streaming_pull(registry),
    }
