"""PubSubPublisher, the adapter that agent and functions use, against each Pub/Sub."""

from __future__ import annotations

import contextlib
import threading
import uuid

import pytest

from overspill_shared.adapters.pubsub_publisher import PubSubPublisher
from overspill_shared.errors import NotFound, Unavailable
from overspill_shared.messages import BurstEvent
from overspill_shared.wire_format import decode


@pytest.fixture
def project(pubsub):
    """A project of the test's own, with the topic of events, its dead-letter topic and a subscription to each."""
    project = f"p-{uuid.uuid4().hex[:12]}"
    topics = [f"projects/{project}/topics/{name}" for name in ("overspill-events", "overspill-events-dead")]
    for topic in topics:
        pubsub.publisher.create_topic(name=topic)
        pubsub.make_subscription(topic, name=topic.replace("/topics/", "/subscriptions/"))
    yield project
    for topic in topics:
        pubsub.publisher.delete_topic(topic=topic)


@pytest.fixture
def make_publisher(backend, monkeypatch):
    with contextlib.ExitStack() as stack:

        def make(project, *, address=backend.address, timeout_s=10.0):
            monkeypatch.setenv("PUBSUB_EMULATOR_HOST", address)
            return stack.enter_context(contextlib.closing(PubSubPublisher(project, timeout_s=timeout_s)))

        yield make


def test_publish_arrives_whole_with_its_attributes(make_publisher, project, pubsub, burst_event):
    event = burst_event()

    message_id = make_publisher(project).publish(event)

    (received,) = pubsub.pull(f"projects/{project}/subscriptions/overspill-events")
    assert received.message.message_id == message_id
    assert decode(BurstEvent, received.message.data) == event
    assert dict(received.message.attributes) == event.attributes()


def test_publish_to_no_topic_says_which(make_publisher, burst_event):
    with pytest.raises(NotFound, match="projects/nowhere/topics/overspill-events"):
        make_publisher("nowhere").publish(burst_event())


def test_publish_without_a_server_is_unavailable_in_time(make_publisher, burst_event):
    with pytest.raises(Unavailable, match="overspill-events"):
        make_publisher("demo", address="127.0.0.1:1", timeout_s=0.3).publish(burst_event())


def test_publish_that_was_given_up_is_not_tried_on_behind_the_callers_back(make_publisher, burst_event):
    before = set(threading.enumerate())
    with pytest.raises(Unavailable):
        make_publisher("demo", address="127.0.0.1:1", timeout_s=0.3).publish(burst_event())

    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive(), thread.name


def test_dead_letter_arrives_as_it_was_with_the_reason(make_publisher, project, pubsub):
    make_publisher(project).dead_letter("overspill-events", b"?", {"lead": "lead"}, reason="ü" * 2000)

    (received,) = pubsub.pull(f"projects/{project}/subscriptions/overspill-events-dead")
    assert received.message.data == b"?"
    attributes = dict(received.message.attributes)
    assert attributes.pop("dead_letter_reason") == "ü" * 512
    assert attributes == {"lead": "lead"}


def test_dead_letter_of_an_empty_message_arrives(make_publisher, project, pubsub):
    make_publisher(project).dead_letter("overspill-events", b"", {}, reason="it is empty.")

    (received,) = pubsub.pull(f"projects/{project}/subscriptions/overspill-events-dead")
    assert (received.message.data, dict(received.message.attributes)) == (b"", {"dead_letter_reason": "it is empty."})
