from __future__ import annotations

import asyncio
import queue
import threading

import grpc
import pytest
from google.api_core import exceptions
from google.pubsub_v1 import types

from overspill_local.pubsub import PubSubServer

TOPIC = "projects/demo/topics/orders"
SUBSCRIPTION = "projects/demo/subscriptions/orders"
PUSHED = "projects/demo/subscriptions/pushed"
DEADLINE_S = 20.0


@pytest.fixture
def running(make_embedded, make_pubsub):
    backend = make_embedded()
    pubsub = make_pubsub(backend.address)
    pubsub.publisher.create_topic(name=TOPIC)
    pubsub.subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
    return backend, pubsub


@pytest.fixture
def open_stream():
    """Open a StreamingPull as the API has it: no client code that reconnects."""
    ended = threading.Event()

    def open_stream(pubsub, subscription):
        def requests():
            yield {"subscription": subscription, "stream_ack_deadline_seconds": 10}
            ended.wait(DEADLINE_S)

        return pubsub.subscriber.streaming_pull(requests=requests(), retry=None)

    yield open_stream
    ended.set()


def test_server_on_a_port_that_is_taken_does_not_start_and_stops_all_the_same(running):
    backend, _ = running

    async def start_another():
        server = PubSubServer()
        with pytest.raises(RuntimeError, match="Failed to bind"):
            await server.start(port=backend.port)
        await server.stop()

    asyncio.run(start_another())


def test_stop_amid_a_pull_a_stream_and_a_push_leaves_no_task_and_no_error(running, endpoint, open_stream):
    backend, pubsub = running
    hold = threading.Event()
    endpoint.before_answer = lambda: hold.wait(DEADLINE_S)
    pubsub.subscriber.create_subscription(name=PUSHED, topic=TOPIC, push_config={"push_endpoint": endpoint.url})
    responses = open_stream(pubsub, SUBSCRIPTION)
    next(responses)
    pubsub.publish(TOPIC)
    assert len(next(responses).received_messages) == 1
    endpoint.bodies.get(timeout=DEADLINE_S)

    request = types.PullRequest(subscription=SUBSCRIPTION, max_messages=1)
    pulling = pubsub.subscriber.transport.pull.future(request, timeout=DEADLINE_S)
    pubsub.subscriber.get_subscription(subscription=SUBSCRIPTION)  # answered in turn: then the pull waits

    leftover = backend.stop_server()
    hold.set()

    assert pulling.exception(DEADLINE_S).code() is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(exceptions.ServiceUnavailable, match="is stopping"):
        next(responses)
    assert leftover == set()
    assert backend.loop_errors == []


def test_server_restarted_on_its_port_knows_nothing(running, make_embedded):
    backend, pubsub = running
    backend.stop_server()

    make_embedded(backend.port)

    with pytest.raises(exceptions.NotFound):
        pubsub.subscriber.get_subscription(subscription=SUBSCRIPTION, timeout=DEADLINE_S)


def test_tap_sees_each_message_once_with_its_topic(running):
    backend, pubsub = running
    seen: queue.Queue = queue.Queue()
    backend.server.on_publish(lambda topic, message: seen.put((topic, message.data, dict(message.attributes))))

    pubsub.publish(TOPIC, b"x", lead="a")

    assert seen.get(timeout=DEADLINE_S) == (TOPIC, b"x", {"lead": "a"})
    assert seen.empty()


def test_backlog_of_a_missing_subscription_is_an_error_that_names_it(running):
    backend, _ = running

    with pytest.raises(Exception, match=r"Subscription not found .*none"):
        backend.backlog("projects/demo/subscriptions/none")
