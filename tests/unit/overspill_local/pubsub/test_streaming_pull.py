from __future__ import annotations

import asyncio

import pytest

from overspill_local.pubsub import protos
from overspill_local.pubsub.errors import RequestError
from overspill_local.pubsub.registry import Registry
from overspill_local.pubsub.streaming_pull import serve_stream
from overspill_local.pubsub.subscription import Backlog

DEADLINE_S = 5


class Call:
    """The server's end of a gRPC call whose client reads `capacity` responses and then stalls."""

    def __init__(self, capacity: int = 1000) -> None:
        self.requests: asyncio.Queue = asyncio.Queue()
        self.responses: asyncio.Queue = asyncio.Queue(capacity)

    async def write(self, response) -> None:
        await self.responses.put(response)

    async def incoming(self):
        while (request := await self.requests.get()) is not None:
            yield request

    def send(self, **request) -> None:
        self.requests.put_nowait(protos.StreamingPullRequest(**request))

    async def receive(self):
        return await asyncio.wait_for(self.responses.get(), DEADLINE_S)

    def serve(self, registry: Registry) -> asyncio.Task:
        return asyncio.create_task(serve_stream(registry, self.incoming(), self))


@pytest.fixture
def stream_scenario(make_harness):
    """Run `scenario(call, task, harness)` on an open stream whose first request and response are exchanged."""

    def run(scenario, *, capacity=1000, exactly_once=False, **first):
        async def main():
            harness = make_harness(enable_exactly_once_delivery=exactly_once)
            registry = Registry()
            registry.subscriptions[harness.subscription.name] = harness.subscription
            call = Call(capacity)
            call.send(subscription=harness.subscription.name, **first)
            task = call.serve(registry)
            opening = await call.receive()
            assert opening.subscription_properties.exactly_once_delivery_enabled is exactly_once
            try:
                await scenario(call, task, harness)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        asyncio.run(main())

    return run


def test_stream_gets_messages_as_they_are_published(stream_scenario):
    async def scenario(call, task, harness):
        harness.offer(b"a")
        response = await call.receive()
        assert [one.message.data for one in response.received_messages] == [b"a"]

    stream_scenario(scenario)


def test_stream_of_a_stalled_client_gives_back_what_was_not_written(stream_scenario):
    async def scenario(call, task, harness):
        for data in (b"written", b"being written", b"waiting", b"waiting"):
            harness.offer(data)
            await asyncio.sleep(0)
        assert harness.subscription.backlog == Backlog(ready=0, backing_off=0, in_flight=4)

        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert harness.subscription.backlog == Backlog(ready=2, backing_off=0, in_flight=2)

    stream_scenario(scenario, capacity=1)


def test_stream_that_the_client_half_closes_ends_without_error(stream_scenario):
    async def scenario(call, task, harness):
        call.requests.put_nowait(None)
        assert await asyncio.wait_for(task, DEADLINE_S) is None
        harness.offer(b"a")
        assert harness.subscription.backlog.ready == 1

    stream_scenario(scenario)


def test_stream_deadline_is_the_lease_of_its_messages(stream_scenario):
    async def scenario(call, task, harness):
        harness.offer(b"a")
        await call.receive()
        harness.clock.advance(29)
        assert harness.subscription.backlog.in_flight == 1
        harness.clock.advance(1)
        assert (await call.receive()).received_messages[0].message.data == b"a"

    stream_scenario(scenario, stream_ack_deadline_seconds=30)


def test_acks_on_an_exactly_once_stream_are_confirmed_one_by_one(stream_scenario):
    async def scenario(call, task, harness):
        harness.offer(b"a")
        (received,) = (await call.receive()).received_messages
        call.send(ack_ids=[received.ack_id, "late"])
        response = await call.receive()
        assert response.acknowledge_confirmation.ack_ids == [received.ack_id]
        assert response.acknowledge_confirmation.invalid_ack_ids == ["late"]
        assert response.subscription_properties.exactly_once_delivery_enabled
        assert harness.subscription.backlog.total == 0

    stream_scenario(scenario, exactly_once=True)


def test_deadlines_on_an_exactly_once_stream_are_confirmed_and_zero_nacks(stream_scenario):
    async def scenario(call, task, harness):
        harness.offer(b"a", b"b")
        one, other = (await call.receive()).received_messages
        call.send(modify_deadline_ack_ids=[one.ack_id, other.ack_id, "late"], modify_deadline_seconds=[0, 60, 60])
        responses = [await call.receive(), await call.receive()]
        redelivered, confirmed = sorted(responses, key=lambda one: len(one.received_messages), reverse=True)
        assert [received.message.data for received in redelivered.received_messages] == [b"a"]
        confirmation = confirmed.modify_ack_deadline_confirmation
        assert confirmation.ack_ids == [one.ack_id, other.ack_id]
        assert confirmation.invalid_ack_ids == ["late"]

    stream_scenario(scenario, exactly_once=True)


@pytest.mark.parametrize(
    ("request_fields", "complaint"),
    [
        ({"stream_ack_deadline_seconds": 9}, "9 s; it must be in 10..600"),
        ({"modify_deadline_ack_ids": ["a"]}, "must be as many"),
        ({"modify_deadline_ack_ids": ["a"], "modify_deadline_seconds": [601]}, "601 s"),
    ],
)
def test_stream_with_a_wrong_request_ends_with_its_error(stream_scenario, request_fields, complaint):
    async def scenario(call, task, harness):
        call.send(**request_fields)
        with pytest.raises(RequestError, match=complaint):
            await asyncio.wait_for(task, DEADLINE_S)

    stream_scenario(scenario)


def test_stream_that_never_names_a_subscription_ends_at_once():
    async def scenario():
        call = Call()
        call.requests.put_nowait(None)
        await asyncio.wait_for(call.serve(Registry()), DEADLINE_S)

    asyncio.run(scenario())
