"""One subscription: what waits, what is leased to whom, and what comes back.

Lives here: queueing, leases and their expiry, acknowledgement, redelivery, forwarding to the dead letters.
Must not live here: gRPC, HTTP, and the rules themselves (redelivery.py, filters.py).

Time is the scheduler's alone: an asyncio loop in service, a settable clock in tests. All calls belong on one thread.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from overspill_local.pubsub import protos, redelivery
from overspill_local.pubsub.errors import RequestError
from overspill_local.pubsub.filters import compile_filter
from overspill_local.pubsub.protos import MessagePb, ReceivedMessagePb, SubscriptionPb

MAX_BATCH_MESSAGES = 500
MAX_BATCH_BYTES = 4_000_000
"""Of one response. Google's clients take 4 MiB where PUBSUB_EMULATOR_HOST is set: gRPC's default, not theirs."""

_ENVELOPE_BYTES = 64  # what an ack id and the framing add to a message

DeadLetterForwarder = Callable[[str, MessagePb], bool]
"""Publishes a message to a topic; False if there is no such topic."""


class Timer(Protocol):
    """What `Scheduler.call_later` returns."""

    def cancel(self) -> None:
        """Make the call not happen."""


class Scheduler(Protocol):
    """The part of an asyncio event loop that a subscription needs."""

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Timer:
        """Call `callback` once, `delay` seconds from now."""


class Outlet(Protocol):
    """An open stream that takes messages as they become ready."""

    @property
    def ack_deadline_s(self) -> int:
        """The lease that its messages get."""

    @property
    def room(self) -> int:
        """How many more messages it takes until some are settled."""

    def deliver(self, batch: list[ReceivedMessagePb]) -> None:
        """Take leased messages."""

    def settled(self) -> None:
        """Note that one of its messages was acknowledged, given back or expired."""

    def fail(self, error: RequestError) -> None:
        """End the stream with a status."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many unacknowledged messages a subscription holds, by what they wait for."""

    ready: int
    """To be delivered as soon as a subscriber takes them."""
    backing_off: int
    """Nacked or expired, and resting."""
    in_flight: int
    """Delivered, and leased until acknowledged."""

    @property
    def total(self) -> int:
        """All that is not acknowledged."""
        return self.ready + self.backing_off + self.in_flight


@dataclass(slots=True, eq=False)
class _Message:
    pb: MessagePb
    attempt: int = 0


@dataclass(slots=True, eq=False)
class _Lease:
    message: _Message
    outlet: Outlet | None
    expiry: Timer


class Subscription:
    """A subscription's messages. `config` must have passed validation.complete_subscription."""

    def __init__(self, config: SubscriptionPb, scheduler: Scheduler, forward: DeadLetterForwarder) -> None:
        self.config = config
        self.closed: RequestError | None = None
        self._scheduler = scheduler
        self._forward = forward
        self._matches = compile_filter(config.filter)
        self._ready: deque[_Message] = deque()
        self._leases: dict[str, _Lease] = {}
        self._backing_off: dict[_Message, Timer] = {}
        self._outlets: deque[Outlet] = deque()
        self._may_take = asyncio.Event()  # set while messages are ready, and once closed

    @property
    def name(self) -> str:
        """The full resource name."""
        return str(self.config.name)

    @property
    def backlog(self) -> Backlog:
        """Count what is not acknowledged."""
        return Backlog(len(self._ready), len(self._backing_off), len(self._leases))

    def offer(self, messages: Iterable[MessagePb]) -> None:
        """Queue the messages that the filter lets through; the others count as acknowledged."""
        self._ready.extend(_Message(pb) for pb in messages if self._matches(pb.attributes))
        self._distribute()

    async def take(self, max_messages: int, ack_deadline_s: int) -> list[ReceivedMessagePb]:
        """Wait until something is ready, then lease at least one and at most `max_messages` messages.

        Has no deadline of its own. Raises what the subscription was closed with.
        """
        while not self._ready:
            await self._may_take.wait()
            if self.closed is not None:
                raise self.closed
        return self.lease(max_messages, ack_deadline_s)

    def lease(self, max_messages: int, ack_deadline_s: int, outlet: Outlet | None = None) -> list[ReceivedMessagePb]:
        """Lease what is ready and fits into one response, at least one message; none if none is ready."""
        batch: list[ReceivedMessagePb] = []
        batch_bytes = 0
        while self._ready and len(batch) < max_messages:
            batch_bytes += self._ready[0].pb.ByteSize() + _ENVELOPE_BYTES
            if batch and batch_bytes > MAX_BATCH_BYTES:
                break
            batch.append(self._lease_one(self._ready.popleft(), ack_deadline_s, outlet))
        self._note_readiness()
        return batch

    def acknowledge(self, ack_ids: Iterable[str]) -> list[str]:
        """Forget the messages; return the ids that are no lease (any more)."""
        invalid = [ack_id for ack_id in ack_ids if self._end_lease(ack_id) is None]
        self._distribute()
        return invalid

    def modify_ack_deadline(self, ack_ids: Iterable[str], ack_deadline_s: int) -> list[str]:
        """Make the leases end that many seconds from now (0 is a nack); return the ids that are no lease."""
        if ack_deadline_s == 0:
            return self.nack(ack_ids)
        invalid = []
        for ack_id in ack_ids:
            lease = self._leases.get(ack_id)
            if lease is None:
                invalid.append(ack_id)
                continue
            lease.expiry.cancel()
            lease.expiry = self._schedule_expiry(ack_id, ack_deadline_s)
        return invalid

    def nack(self, ack_ids: Iterable[str]) -> list[str]:
        """Give the messages back as failed deliveries; return the ids that are no lease (any more)."""
        invalid = []
        for ack_id in ack_ids:
            message = self._end_lease(ack_id)
            if message is None:
                invalid.append(ack_id)
            else:
                self._redeliver(message)
        self._distribute()
        return invalid

    def give_back(self, ack_ids: Iterable[str]) -> None:
        """Make messages that never left the service ready again, in their order, as if they had not been leased."""
        for ack_id in reversed(list(ack_ids)):
            message = self._end_lease(ack_id)
            if message is not None:
                message.attempt -= 1
                self._ready.appendleft(message)
        self._distribute()

    def attach(self, outlet: Outlet) -> None:
        """Let an open stream have its share of the messages."""
        self._outlets.append(outlet)
        self._distribute()

    def detach(self, outlet: Outlet) -> None:
        """Give a stream no more messages. What it was sent stays leased until the deadlines."""
        self._outlets.remove(outlet)

    def fail_outlets(self, error: RequestError) -> None:
        """End every open stream with a status."""
        for outlet in self._outlets:
            outlet.fail(error)

    def close(self, error: RequestError) -> None:
        """Drop all messages and end everything that waits with `error`; nothing is scheduled afterwards."""
        self.closed = error
        for lease in self._leases.values():
            lease.expiry.cancel()
        for timer in self._backing_off.values():
            timer.cancel()
        self._ready.clear()
        self._leases.clear()
        self._backing_off.clear()
        self.fail_outlets(error)
        self._note_readiness()

    def _lease_one(self, message: _Message, ack_deadline_s: int, outlet: Outlet | None) -> ReceivedMessagePb:
        message.attempt += 1
        ack_id = uuid.uuid4().hex
        self._leases[ack_id] = _Lease(message, outlet, self._schedule_expiry(ack_id, ack_deadline_s))
        received = protos.ReceivedMessage(ack_id=ack_id, message=message.pb)
        if self.config.dead_letter_policy.dead_letter_topic:
            received.delivery_attempt = message.attempt
        return received

    def _schedule_expiry(self, ack_id: str, ack_deadline_s: int) -> Timer:
        return self._scheduler.call_later(ack_deadline_s, lambda: self.nack([ack_id]))

    def _end_lease(self, ack_id: str) -> _Message | None:
        lease = self._leases.pop(ack_id, None)
        if lease is None:
            return None
        lease.expiry.cancel()
        if lease.outlet is not None:
            lease.outlet.settled()
        return lease.message

    def _redeliver(self, message: _Message) -> None:
        if self._forward_to_dead_letters(message):
            return
        delay_s = redelivery.backoff_s(self.config, message.attempt)
        if delay_s > 0:
            timer = self._scheduler.call_later(delay_s, lambda: self._end_backoff(message))
            self._backing_off[message] = timer
        else:
            self._ready.append(message)

    def _forward_to_dead_letters(self, message: _Message) -> bool:
        if not redelivery.is_exhausted(self.config, message.attempt):
            return False
        # Without the topic the message stays, and is tried again: losing it would hide the mistake.
        dead_letter = redelivery.build_dead_letter(message.pb, message.attempt, self.name)
        return self._forward(self.config.dead_letter_policy.dead_letter_topic, dead_letter)

    def _end_backoff(self, message: _Message) -> None:
        del self._backing_off[message]
        self._ready.append(message)
        self._distribute()

    def _distribute(self) -> None:
        """Share what is ready evenly among the streams that have room, the longest unserved first."""
        while self._ready and (with_room := [outlet for outlet in self._outlets if outlet.room > 0]):
            share = -(-len(self._ready) // len(with_room))  # rounded up
            for outlet in with_room[: len(self._ready)]:
                self._serve(outlet, min(share, MAX_BATCH_MESSAGES))
        self._note_readiness()

    def _serve(self, outlet: Outlet, max_messages: int) -> None:
        batch = self.lease(min(max_messages, outlet.room), outlet.ack_deadline_s, outlet)
        if batch:
            self._outlets.remove(outlet)
            self._outlets.append(outlet)
            outlet.deliver(batch)

    def _note_readiness(self) -> None:
        if self._ready or self.closed is not None:
            self._may_take.set()
        else:
            self._may_take.clear()
