"""Google's Pub/Sub clients against each server that they must work with.

The embedded server always runs. Google's emulator runs where OVERSPILL_PUBSUB_JAR names its jar (and Java is
there), or is taken as it is where OVERSPILL_OFFICIAL_PUBSUB names its HOST:PORT; else its cases are skipped.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import shutil
import socket
import subprocess
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import pubsub_v1

from overspill_local.pubsub import PubSubServer

PROJECT = "projects/demo"
DEADLINE_S = 20.0
OFFICIAL_LACKS = {
    "filters": "Google's emulator stores filters, but delivers what they exclude (0.8.20)",
    "retry policy": "Google's emulator stores a retry policy, but redelivers pulled messages at once (0.8.20)",
    "labels": "Google's emulator refuses to update labels (0.8.20)",
    "limits": "Google's emulator enforces no limits on size and attributes (0.8.20)",
    "push attempt": "Google's emulator leaves deliveryAttempt out of the pushed JSON (0.8.20)",
    "push exclusions": "Google's emulator accepts exactly-once push subscriptions, and pulling from them (0.8.20)",
    "203 is a nack": "Google's emulator takes every 2xx for an acknowledgement (0.8.20)",
    "response size": "Google's emulator makes responses larger than a client takes (0.8.20)",
    "backlog": "only the embedded server tells its backlog",
}


class EmbeddedBackend:
    """The embedded server on an event loop in a thread of its own."""

    def __init__(self, port: int = 0) -> None:
        self.server = PubSubServer()
        self.loop_errors: list[dict] = []
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _loop, context: self.loop_errors.append(context))
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = self._call(self.server.start(port=port))
        self.address = f"127.0.0.1:{self.port}"

    def require(self, feature: str) -> None:
        assert feature in OFFICIAL_LACKS

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(DEADLINE_S)

    def backlog(self, subscription: str):
        async def count():
            return self.server.backlog(subscription)

        return self._call(count())

    def stop_server(self) -> set[asyncio.Task]:
        """Stop the server; return the tasks that it left behind."""

        async def stop():
            await self.server.stop()
            return asyncio.all_tasks() - {asyncio.current_task()}

        return self._call(stop())

    def close(self) -> None:
        self.stop_server()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_S)
        self._loop.close()
        assert self.loop_errors == []


class OfficialBackend:
    """Google's emulator: started from a jar, or one that already runs."""

    def __init__(self) -> None:
        self._process = None
        self.address = os.environ.get("OVERSPILL_OFFICIAL_PUBSUB", "")
        if not self.address:
            self._start_jar(os.environ["OVERSPILL_PUBSUB_JAR"])
        try:
            eventually(lambda: is_listening(self.address))
        except AssertionError:
            self.close()
            raise

    def _start_jar(self, jar: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        command = [shutil.which("java"), "-Xmx128m", "-jar", jar, "--host=127.0.0.1", f"--port={port}", "--iam_port=0"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.address = f"127.0.0.1:{port}"

    def require(self, feature: str) -> None:
        pytest.skip(OFFICIAL_LACKS[feature])

    def close(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(DEADLINE_S)


def is_listening(address: str) -> bool:
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def official_marks() -> list:
    if os.environ.get("OVERSPILL_OFFICIAL_PUBSUB") or (os.environ.get("OVERSPILL_PUBSUB_JAR") and shutil.which("java")):
        return []
    reason = (
        "no Google emulator: set OVERSPILL_PUBSUB_JAR to its jar (needs java), or OVERSPILL_OFFICIAL_PUBSUB=HOST:PORT"
    )
    return [pytest.mark.skip(reason=reason)]


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(EmbeddedBackend, id="embedded"),
        pytest.param(OfficialBackend, id="official", marks=official_marks()),
    ],
)
def backend(request):
    backend = request.param()
    yield backend
    backend.close()


@pytest.fixture
def make_embedded():
    """An embedded server of the test's own, that it may stop."""
    with contextlib.ExitStack() as stack:

        def make(port: int = 0) -> EmbeddedBackend:
            return stack.enter_context(contextlib.closing(EmbeddedBackend(port)))

        yield make


class PubSub:
    """Google's clients of one server, what tests do with them, and the removal of what they made."""

    def __init__(self, address: str) -> None:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("PUBSUB_EMULATOR_HOST", address)
            self.publisher = pubsub_v1.PublisherClient()
            self.subscriber = pubsub_v1.SubscriberClient()
        self._undo = contextlib.ExitStack()

    def remove_all(self) -> None:
        self._undo.close()

    def close(self) -> None:
        self.publisher.stop()
        self.publisher.transport.close()
        self.subscriber.close()

    def unique(self, collection: str) -> str:
        return f"{PROJECT}/{collection}/t-{uuid.uuid4().hex}"

    def make_topic(self) -> str:
        name = self.publisher.create_topic(name=self.unique("topics")).name
        self._undo.callback(quietly, self.publisher.delete_topic, topic=name)
        return name

    def make_subscription(self, topic: str, **config) -> str:
        request = {"name": self.unique("subscriptions"), "topic": topic, **config}
        name = self.subscriber.create_subscription(request=request).name
        self._undo.callback(quietly, self.subscriber.delete_subscription, subscription=name)
        return name

    def publish(self, topic: str, data: bytes = b"x", **attributes: str) -> str:
        return self.publisher.publish(topic, data, **attributes).result(DEADLINE_S)

    def pull(self, subscription: str, count: int = 1) -> list:
        """Pull until `count` messages have come."""
        received = []

        def enough() -> bool:
            request = {"subscription": subscription, "max_messages": count - len(received)}
            received.extend(self.subscriber.pull(request=request, timeout=2).received_messages)
            return len(received) >= count

        eventually(enough)
        return received

    def pull_now(self, subscription: str) -> list:
        """Return what is ready at this moment."""
        request = {"subscription": subscription, "max_messages": 100, "return_immediately": True}
        with pytest.warns(DeprecationWarning, match="return_immediately"):
            return list(self.subscriber.pull(request=request, timeout=5).received_messages)

    def nack(self, subscription: str, received: list) -> None:
        self.set_deadline(subscription, [one.ack_id for one in received], 0)

    def set_deadline(self, subscription: str, ack_ids: list[str], ack_deadline_s: int) -> None:
        self.subscriber.modify_ack_deadline(
            subscription=subscription, ack_ids=ack_ids, ack_deadline_seconds=ack_deadline_s
        )

    def stream(self, subscription: str, callback=None, **flow_control):
        """Open a streaming pull; its messages arrive in the returned queue unless there is a callback."""
        messages: queue.Queue = queue.Queue()
        limits = pubsub_v1.types.FlowControl(**flow_control)
        future = self.subscriber.subscribe(subscription, callback or messages.put, flow_control=limits)
        self._undo.callback(quietly, future.result, timeout=DEADLINE_S)
        self._undo.callback(future.cancel)
        return messages, future


def quietly(call, **arguments) -> None:
    with contextlib.suppress(GoogleAPICallError):  # the test deleted it, or has seen it fail
        call(**arguments)


def eventually(condition):
    """Return the first truthy result of a condition, or fail at the deadline."""
    end = time.monotonic() + DEADLINE_S
    while not (result := condition()):
        assert time.monotonic() < end, f"not within {DEADLINE_S} s"
        time.sleep(0.01)
    return result


@pytest.fixture(name="eventually", scope="session")
def eventually_fixture():
    return eventually


@pytest.fixture(scope="session")
def clients(backend):
    with contextlib.closing(PubSub(backend.address)) as clients:
        yield clients


@pytest.fixture
def pubsub(clients):
    yield clients
    clients.remove_all()


@pytest.fixture
def make_pubsub():
    """Clients of an address of the test's own."""
    with contextlib.ExitStack() as stack:
        yield lambda address: stack.enter_context(contextlib.closing(PubSub(address)))


@pytest.fixture
def topic(pubsub):
    return pubsub.make_topic()


class Endpoint:
    """An HTTP server that records what is pushed to it, and answers as told (else 200)."""

    def __init__(self) -> None:
        self.bodies: queue.Queue = queue.Queue()
        self.answers: list[int] = []
        self.before_answer = lambda: None
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = endpoint.answers.pop(0) if endpoint.answers else 200
                endpoint.bodies.put(body)
                endpoint.before_answer()
                self.send_response(answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/push"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(DEADLINE_S)


@pytest.fixture
def endpoint():
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()
