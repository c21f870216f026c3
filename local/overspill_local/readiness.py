"""When a process is ready: checks to hand to the supervisor's `start`.

A check is an async function without arguments that says yes or no at once, within `CHECK_TIMEOUT_S`; the supervisor
repeats it. No check here knows which process it asks.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

Check: TypeAlias = Callable[[], Awaitable[bool]]

CHECK_TIMEOUT_S: Final = 2.0


def port_is_open(host: str, port: int) -> Check:
    """Make a check that asks whether somebody accepts connections."""

    async def check() -> bool:
        return await _asks(host, port, request=b"")

    return check


def http_answers(host: str, port: int) -> Check:
    """Make a check that asks for `/` and takes any answer, errors too, as a yes.

    gunicorn listens before its workers can serve, and a function answers 405 to GET: neither an open port nor a
    status says what this does.
    """
    request = f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()

    async def check() -> bool:
        return await _asks(host, port, request=request)

    return check


async def _asks(host: str, port: int, *, request: bytes) -> bool:
    """Whether a connection comes about and, where something is asked, brings at least one byte."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                if not request:
                    return True
                writer.write(request)
                await writer.drain()
                return bool(await reader.read(1))
            finally:
                writer.close()
                await writer.wait_closed()
    return False
