from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from overspill_local.pubsub import protos, validation
from overspill_local.pubsub.subscription import Subscription

NAME = "projects/demo/subscriptions/orders"


@dataclass(eq=False)
class _Call:
    due_s: float
    callback: object
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeScheduler:
    """A clock that moves only when a test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._calls: list[_Call] = []

    def call_later(self, delay, callback):
        call = _Call(self.now_s + delay, callback)
        self._calls.append(call)
        return call

    @property
    def pending(self) -> list[_Call]:
        return [call for call in self._calls if not call.cancelled]

    def advance(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while due := [call for call in self.pending if call.due_s <= end_s]:
            call = min(due, key=lambda one: one.due_s)
            self._calls.remove(call)
            self.now_s = call.due_s
            call.callback()
        self.now_s = end_s


class FakeOutlet:
    """A stream that records what it gets."""

    def __init__(self, room: int = 1000, ack_deadline_s: int = 10) -> None:
        self.room = room
        self.ack_deadline_s = ack_deadline_s
        self.received = []
        self.failures = []

    def deliver(self, batch) -> None:
        self.room -= len(batch)
        self.received += batch

    def settled(self) -> None:
        self.room += 1

    def fail(self, error) -> None:
        self.failures.append(error)


@dataclass
class Harness:
    """A subscription, its clock, and the dead letters that it forwarded."""

    subscription: Subscription
    clock: FakeScheduler
    has_dead_letter_topic: bool = True
    dead_letters: list = field(default_factory=list)

    def forward(self, topic, message) -> bool:
        if self.has_dead_letter_topic:
            self.dead_letters.append((topic, message))
        return self.has_dead_letter_topic

    def offer(self, *data: bytes, **attributes: str) -> None:
        self.subscription.offer([protos.PubsubMessage(data=one, attributes=attributes) for one in data])

    def lease(self, max_messages: int = 1, ack_deadline_s: int = 10) -> list:
        return self.subscription.lease(max_messages, ack_deadline_s)


@pytest.fixture
def make_harness():
    def make(**config) -> Harness:
        completed = protos.Subscription(name=NAME, topic="projects/demo/topics/orders", **config)
        validation.complete_subscription(completed)
        harness = Harness(subscription=None, clock=FakeScheduler())
        harness.subscription = Subscription(completed, harness.clock, harness.forward)
        return harness

    return make


@pytest.fixture
def make_outlet():
    return FakeOutlet
