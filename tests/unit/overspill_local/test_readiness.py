from __future__ import annotations

import asyncio
import contextlib

import pytest

from overspill_local.readiness import http_answers, port_is_open

DEADLINE_S = 10.0


def ask(make_check, answer: bytes | None) -> bool:
    """Ask a server that gives one answer and hangs up; None: a port where nobody listens."""

    served = asyncio.Event()

    async def serve(reader, writer):
        await reader.read(1)
        writer.write(answer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        served.set()

    async def scenario() -> bool:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        if answer is None:
            server.close()
            await server.wait_closed()
        try:
            return await make_check("127.0.0.1", port)()
        finally:
            server.close()
            if answer is not None:
                await asyncio.wait_for(served.wait(), DEADLINE_S)

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("make_check", "answer", "ready"),
    [
        pytest.param(port_is_open, None, False, id="nobody-listens"),
        pytest.param(port_is_open, b"", True, id="somebody-listens"),
        pytest.param(http_answers, None, False, id="http-nobody-listens"),
        pytest.param(http_answers, b"", False, id="http-hangs-up"),
        pytest.param(http_answers, b"HTTP/1.1 405 Method Not Allowed\r\n\r\n", True, id="http-error-is-an-answer"),
    ],
)
def test_check_of_server_gives_readiness(make_check, answer, ready):
    assert ask(make_check, answer) is ready
