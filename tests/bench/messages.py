"""Publish to streaming pull through the embedded Pub/Sub, beside a bare call to the same server."""

import asyncio
import queue
import statistics
import threading
import time

from google.api_core import exceptions as google_errors

from overspill_local.pubsub import PubSubServer
from overspill_local.topics import publisher_client, subscriber_client

TOPIC = "projects/bench/topics/bench"
SUBSCRIPTION = "projects/bench/subscriptions/bench"
MESSAGES = 300


def run():
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    server = PubSubServer()
    port = asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    try:
        return _measure(f"127.0.0.1:{port}")
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)


def _measure(address):
    publisher, subscriber = publisher_client(address), subscriber_client(address)
    publisher.create_topic(name=TOPIC)
    subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
    bare = [_timed(lambda: publisher.get_topic(topic=TOPIC)) for _ in range(MESSAGES)]
    arrived = queue.Queue()
    stream = subscriber.streaming_pull(requests=_requests())
    reader = threading.Thread(target=_read, args=(stream, arrived), daemon=True)
    reader.start()
    through = [_timed(lambda: _send(publisher, arrived)) for _ in range(MESSAGES)]
    stream.cancel()
    return {
        "bare_call_p50_ms": _ms(bare, 50),
        "publish_to_pull_p50_ms": _ms(through, 50),
        "publish_to_pull_p99_ms": _ms(through, 99),
        "ratio_to_bare_call": round(statistics.median(through) / statistics.median(bare), 2),
    }


def _send(publisher, arrived):
    publisher.publish(topic=TOPIC, messages=[{"data": b"x"}])
    arrived.get(timeout=10)


def _read(stream, arrived):
    try:
        for answer in stream:
            for message in answer.received_messages:
                arrived.put(message)
    except google_errors.Cancelled:
        return


def _requests():
    yield {"subscription": SUBSCRIPTION, "stream_ack_deadline_seconds": 60}
    while True:
        time.sleep(60)
        yield {}


def _timed(call):
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _ms(seconds, percent):
    return round(statistics.quantiles(seconds, n=100)[percent - 1] * 1e3, 2)
