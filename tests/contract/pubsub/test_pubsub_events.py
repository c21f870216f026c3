"""EventSubscription, by which the agent hears of its bursts, against each Pub/Sub."""

from __future__ import annotations

import queue
import uuid

import pytest

from overspill_agent.pubsub_events import EventSubscription
from overspill_shared.adapters.pubsub_publisher import PubSubPublisher
from overspill_shared.errors import NotFound, Unavailable

DEADLINE_S = 20.0


@pytest.fixture
def project(pubsub):
    """A project of the test's own, with the topic of events."""
    project = f"p-{uuid.uuid4().hex[:12]}"
    topic = f"projects/{project}/topics/overspill-events"
    pubsub.publisher.create_topic(name=topic)
    yield project
    pubsub.publisher.delete_topic(topic=topic)


@pytest.fixture
def subscription(backend, project, pubsub, monkeypatch):
    """The subscription of the lead `lead`, made as for an emulator."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", backend.address)
    subscription = EventSubscription(project, "lead")
    subscription.ensure()
    yield subscription
    subscription.close()
    pubsub.subscriber.delete_subscription(subscription=f"projects/{project}/subscriptions/overspill-events-lead")


@pytest.fixture
def publisher(backend, project, monkeypatch):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", backend.address)
    publisher = PubSubPublisher(project, timeout_s=10.0)
    yield publisher
    publisher.close()


def listen(subscription):
    """Listen; gives the queues of (event, ack) and of errors that ended it."""
    events, errors = queue.Queue(), queue.Queue()
    subscription.start(lambda event, ack: events.put((event, ack)), errors.put)
    return events, errors


def test_ensure_twice_is_no_error(subscription):
    subscription.ensure()


def test_ensure_without_the_topic_says_which(backend, monkeypatch):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", backend.address)
    subscription = EventSubscription("nowhere", "lead")

    with pytest.raises(NotFound, match="projects/nowhere/topics/overspill-events"):
        subscription.ensure()
    subscription.close()


def test_event_is_offered_with_its_ack(subscription, publisher, burst_event):
    events, errors = listen(subscription)

    for kind in ("accepted", "ready"):
        publisher.publish(burst_event(kind=kind))
    offered = [events.get(timeout=DEADLINE_S) for _ in range(2)]
    for _, ack in offered:
        ack()

    assert {event.kind for event, _ in offered} == {"accepted", "ready"}
    assert errors.empty()


def test_event_of_another_lead_is_not_delivered(backend, subscription, publisher, burst_event):
    backend.require("filters")
    events, _ = listen(subscription)

    publisher.publish(burst_event(lead="other"))
    publisher.publish(burst_event())
    event, ack = events.get(timeout=DEADLINE_S)
    ack()

    assert event.lead == "lead"
    assert events.empty()


def test_event_that_cannot_be_read_does_not_stop_the_next(subscription, publisher, project, pubsub, burst_event):
    events, _ = listen(subscription)

    pubsub.publish(f"projects/{project}/topics/overspill-events", b"hello", lead="lead")
    publisher.publish(burst_event())
    event, ack = events.get(timeout=DEADLINE_S)
    ack()

    assert event == burst_event()


def test_stream_without_a_subscription_ends_telling_which(backend, project, monkeypatch):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", backend.address)
    subscription = EventSubscription(project, "unknown")

    _, errors = listen(subscription)

    error = errors.get(timeout=DEADLINE_S)
    assert isinstance(error, NotFound)
    assert f"projects/{project}/subscriptions/overspill-events-unknown" in error.text
    subscription.close()


def test_close_ends_the_stream_without_an_error(subscription, publisher, burst_event):
    events, errors = listen(subscription)
    publisher.publish(burst_event())
    _, ack = events.get(timeout=DEADLINE_S)
    ack()
    stream = subscription._stream

    subscription.close()
    stream.result(timeout=DEADLINE_S)

    assert errors.empty()


def test_ensure_without_a_server_is_unavailable(monkeypatch):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    subscription = EventSubscription("demo", "lead")

    with pytest.raises(Unavailable, match="did not answer"):
        subscription.ensure()
    subscription.close()
