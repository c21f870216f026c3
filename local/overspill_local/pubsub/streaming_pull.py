"""StreamingPull: one long-lived call that takes messages and brings acknowledgements.

Lives here: the stream as an outlet of its subscription, reading its requests, writing its responses.
Must not live here: leases and redelivery (subscription.py), gRPC wiring (server.py).
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from overspill_local.pubsub import errors, protos, validation
from overspill_local.pubsub.errors import RequestError
from overspill_local.pubsub.protos import ReceivedMessagePb, RequestPb, ResponsePb
from overspill_local.pubsub.registry import Registry
from overspill_local.pubsub.subscriber import check_is_pull
from overspill_local.pubsub.subscription import Subscription

_MIN_STREAM_ACK_DEADLINE_S = 10
_UNBOUNDED = 1 << 31

_Response = protos.StreamingPullResponse


async def serve_stream(registry: Registry, requests: AsyncIterator[RequestPb], context: Any) -> None:
    """Serve one call until the client ends it. Raises RequestError to end it with a status.

    `context` is the gRPC call's; only its `write` is used. Messages that were written stay leased when the call
    ends; those that were not are ready again at once.
    """
    first = await anext(requests, None)
    if first is None:
        return
    subscription = registry.subscription(first.subscription)
    check_is_pull(subscription)
    stream = _Stream(subscription, first)
    reader = asyncio.create_task(stream.read(requests))
    subscription.attach(stream)
    try:
        await stream.write_to(context)
    finally:
        subscription.detach(stream)
        stream.give_back_unsent()
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


class _Stream:
    """An Outlet. Only `write_to` writes to the call: gRPC allows one writer at a time."""

    def __init__(self, subscription: Subscription, first: RequestPb) -> None:
        self.ack_deadline_s = subscription.config.ack_deadline_seconds
        self._subscription = subscription
        self._max_outstanding = first.max_outstanding_messages if first.max_outstanding_messages > 0 else _UNBOUNDED
        self._outstanding = 0
        self._outbox: asyncio.Queue[ResponsePb | RequestError | None] = asyncio.Queue()
        self._apply(first)
        # An empty first response tells the client at once whether delivery is exactly-once.
        self._outbox.put_nowait(_Response())

    @property
    def room(self) -> int:
        return self._max_outstanding - self._outstanding

    def deliver(self, batch: list[ReceivedMessagePb]) -> None:
        self._outstanding += len(batch)
        self._outbox.put_nowait(_Response(received_messages=batch))

    def settled(self) -> None:
        self._outstanding -= 1

    def fail(self, error: RequestError) -> None:
        self._outbox.put_nowait(error)

    async def read(self, requests: AsyncIterator[RequestPb]) -> None:
        """Apply the client's requests until it sends no more."""
        try:
            async for request in requests:
                self._apply(request)
        except RequestError as error:
            self.fail(error)
        else:
            self._outbox.put_nowait(None)

    async def write_to(self, context: Any) -> None:
        """Write what is put into the outbox until its end; raise the error that ends it."""
        while (item := await self._outbox.get()) is not None:
            if isinstance(item, RequestError):
                raise item
            # Clients read the properties of every response; leaving them out would mean "not exactly-once".
            config = self._subscription.config
            item.subscription_properties.exactly_once_delivery_enabled = config.enable_exactly_once_delivery
            await context.write(item)

    def give_back_unsent(self) -> None:
        """Return to the subscription what was delivered to the outbox, but not written."""
        unsent: list[str] = []
        while not self._outbox.empty():
            item = self._outbox.get_nowait()
            if item is not None and not isinstance(item, RequestError):
                unsent.extend(received.ack_id for received in item.received_messages)
        self._subscription.give_back(unsent)

    def _apply(self, request: RequestPb) -> None:
        if request.stream_ack_deadline_seconds:
            validation.check_ack_deadline(request.stream_ack_deadline_seconds, _MIN_STREAM_ACK_DEADLINE_S)
            self.ack_deadline_s = request.stream_ack_deadline_seconds
        if request.ack_ids:
            self._acknowledge(request.ack_ids)
        if request.modify_deadline_ack_ids or request.modify_deadline_seconds:
            self._modify_deadlines(request)

    def _acknowledge(self, ack_ids: list[str]) -> None:
        invalid = self._subscription.acknowledge(ack_ids)
        confirmation = _Response.AcknowledgeConfirmation(
            ack_ids=[ack_id for ack_id in ack_ids if ack_id not in invalid], invalid_ack_ids=invalid
        )
        self._confirm(_Response(acknowledge_confirmation=confirmation))

    def _modify_deadlines(self, request: RequestPb) -> None:
        ack_ids, deadlines = request.modify_deadline_ack_ids, request.modify_deadline_seconds
        if len(ack_ids) != len(deadlines):
            raise errors.invalid_argument(
                f"modify_deadline_ack_ids has {len(ack_ids)} elements and modify_deadline_seconds {len(deadlines)}; "
                f"they must be as many."
            )
        invalid: list[str] = []
        for ack_id, ack_deadline_s in zip(ack_ids, deadlines, strict=True):
            validation.check_ack_deadline(ack_deadline_s)
            invalid += self._subscription.modify_ack_deadline([ack_id], ack_deadline_s)
        confirmation = _Response.ModifyAckDeadlineConfirmation(
            ack_ids=[ack_id for ack_id in ack_ids if ack_id not in invalid], invalid_ack_ids=invalid
        )
        self._confirm(_Response(modify_ack_deadline_confirmation=confirmation))

    def _confirm(self, response: ResponsePb) -> None:
        if self._subscription.config.enable_exactly_once_delivery:
            self._outbox.put_nowait(response)
