"""What publishes sweeps in the embedded cloud, as Cloud Scheduler does in production: the same message, every so often.

What a sweep does is the teardown function's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from google.api_core import exceptions as google_errors

from overspill_local.topics import CALL_TIMEOUT_S, publisher_client
from overspill_shared.messages import Sweep
from overspill_shared.wire_format import encode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

log = logging.getLogger(__name__)

SWEEP_EVERY_S: Final = 30.0
"""Production sweeps every few minutes; here, what a dead agent left should be gone while one watches."""


@contextlib.asynccontextmanager
async def swept(project: str, address: str, every_s: float) -> AsyncIterator[None]:
    """Publish a Sweep to the Pub/Sub at `address` every `every_s` seconds, the first after as many, until left."""
    task = asyncio.create_task(_sweep_for_ever(project, address, every_s))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _sweep_for_ever(project: str, address: str, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        try:
            await asyncio.to_thread(_publish, project, address)
        except (google_errors.GoogleAPICallError, google_errors.RetryError) as exc:
            log.warning("sweep.not_published", extra={"error": str(exc)})  # the next one is not far


def _publish(project: str, address: str) -> None:
    body, attributes = encode(Sweep())
    request = {
        "topic": f"projects/{project}/topics/{Sweep.topic}",
        "messages": [{"data": body, "attributes": attributes}],
    }
    with publisher_client(address) as publisher:
        publisher.publish(request=request, timeout=CALL_TIMEOUT_S, retry=None)
