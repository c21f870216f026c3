"""Push delivery: ready messages as HTTP POST requests to a subscription's endpoint.

Lives here: the wrapped message, the reading of the endpoint's answer, one delivery loop a push subscription.
Must not live here: queues, leases and back-off (subscription.py). No Authorization header is sent.

Source: https://cloud.google.com/pubsub/docs/push
"""

import asyncio
import base64
import io
import json
import logging
from typing import Any

import aiohttp

from overspill_local.pubsub.protos import ReceivedMessagePb
from overspill_local.pubsub.subscription import Subscription

ACKNOWLEDGING_STATUS_CODES = frozenset({102, 200, 201, 202, 204})
MAX_CONCURRENT_PUSHES = 100
"""Per subscription. The real service starts at one and adapts; a fixed bound is enough beside one endpoint."""

log = logging.getLogger(__name__)


def build_push_body(received: ReceivedMessagePb, subscription: str) -> dict[str, Any]:
    """Return the JSON body of a push request. Ids and times stand there in both spellings, as in the real one."""
    pb = received.message
    publish_time = pb.publish_time.ToJsonString()
    message = {
        "attributes": dict(pb.attributes),
        "data": base64.b64encode(pb.data).decode(),
        "messageId": pb.message_id,
        "message_id": pb.message_id,
        "publishTime": publish_time,
        "publish_time": publish_time,
    }
    if pb.ordering_key:
        message["orderingKey"] = pb.ordering_key
    body: dict[str, Any] = {"message": message, "subscription": subscription}
    if received.delivery_attempt:
        body["deliveryAttempt"] = received.delivery_attempt
    return body


class PushDelivery:
    """The delivery loops of all push subscriptions. Open and closed on one running event loop."""

    def __init__(self) -> None:
        self._loops: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._http: aiohttp.ClientSession | None = None

    def follow(self, subscription: Subscription) -> None:
        """Start or end the subscription's loop, as its configuration now says."""
        if not subscription.config.push_config.push_endpoint:
            self.forget(subscription.name)
        elif subscription.name not in self._loops:
            task = asyncio.create_task(self._deliver(subscription), name=f"push {subscription.name}")
            task.add_done_callback(_log_failure)
            self._loops[subscription.name] = task

    def forget(self, name: str) -> None:
        """End the loop of a subscription, if it has one."""
        task = self._loops.pop(name, None)
        if task is not None:
            task.cancel()
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """End all loops and connections, and wait for that."""
        for name in list(self._loops):
            self.forget(name)
        await asyncio.gather(*self._ending, return_exceptions=True)
        if self._http is not None:
            await self._http.close()

    async def _deliver(self, subscription: Subscription) -> None:
        free_slots = asyncio.Semaphore(MAX_CONCURRENT_PUSHES)
        async with asyncio.TaskGroup() as pushes:
            while True:
                await free_slots.acquire()
                for received in await subscription.take(1, subscription.config.ack_deadline_seconds):
                    push = pushes.create_task(self._push(subscription, received))
                    push.add_done_callback(lambda _push: free_slots.release())

    async def _push(self, subscription: Subscription, received: ReceivedMessagePb) -> None:
        is_acknowledged = False
        try:
            is_acknowledged = await self._post(subscription, received)
        finally:
            settle = subscription.acknowledge if is_acknowledged else subscription.nack
            settle([received.ack_id])

    async def _post(self, subscription: Subscription, received: ReceivedMessagePb) -> bool:
        """Send one message; True if the endpoint acknowledged it within the ack deadline."""
        outcome: object
        try:
            async with self._session().post(
                subscription.config.push_config.push_endpoint,
                data=io.BytesIO(json.dumps(build_push_body(received, subscription.name)).encode()),
                headers={"Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=subscription.config.ack_deadline_seconds),
                allow_redirects=False,
            ) as response:
                if response.status in ACKNOWLEDGING_STATUS_CODES:
                    return True
                outcome = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            outcome = repr(error)
        fields = {"subscription": subscription.name, "message_id": received.message.message_id, "outcome": outcome}
        log.info("pubsub.push-nacked", extra=fields)
        return False

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            # No limit of its own: the slots of each subscription bound the connections.
            # A kept-alive connection would make gunicorn wait for its time-out when it is to stop.
            self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True))
        return self._http


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("pubsub.push-loop-failed", exc_info=error, extra={"task": task.get_name()})
