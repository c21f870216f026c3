"""Clients of the lead broker: their connections, requests, streams and names.

The language stands in `protocol`, the methods in `methods`.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from typing import TYPE_CHECKING, Any, Final

from overspill_local.standin.protocol import MAX_LINE, Refused, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger(__name__)

MAX_UNREAD: Final = 64 * 1024 * 1024
"""Bytes that may wait for a client that does not read, before it is dropped."""


class Session:
    """One client's connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._streams: dict[int, Callable[[], None]] = {}
        self._on_close: list[Callable[[], None]] = []

    def open_stream(self, request_id: int, end: Callable[[], None]) -> None:
        """Take note of a streaming request; `end` stops it, and is called at the latest when the connection ends."""
        self._streams[request_id] = end

    def end_stream(self, request_id: int) -> None:
        """Stop a streaming request; one that is not there is no error."""
        if end := self._streams.pop(request_id, None):
            end()

    def on_close(self, undo: Callable[[], None]) -> None:
        """Have this called when the connection ends."""
        self._on_close.append(undo)

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; a client that does not read is dropped."""
        if self._writer.is_closing():
            return
        if self._writer.transport.get_write_buffer_size() > MAX_UNREAD:
            log.warning("dropping a client that does not read")
            self._writer.transport.abort()
            return
        self._writer.write(encode(message))

    def stream(self, request_id: int, event: dict[str, Any]) -> None:
        """Send one event of a streaming request."""
        self.send({"id": request_id, "event": event})

    def answer(self, request_id: int, result: dict[str, Any]) -> None:
        """Answer a request."""
        self.send({"id": request_id, "result": result})

    def refuse(self, request_id: int, refused: Refused) -> None:
        """Answer a request that is refused."""
        self.send({"id": request_id, "error": {"errno": refused.number, "text": refused.text}})

    def close(self) -> None:
        """End the connection, and undo what lasts as long as it."""
        self._writer.close()
        for request_id in tuple(self._streams):
            self.end_stream(request_id)
        for undo in self._on_close:
            undo()
        self._on_close.clear()


class Sessions:
    """Every client that is connected."""

    def __init__(self, call: Callable[[Session, int, str, dict[str, Any]], dict[str, Any] | None]) -> None:
        self._call = call
        self._open: set[Session] = set()
        self._services: dict[str, Session] = {}

    async def listen(self, path: Path) -> asyncio.Server:
        """Let clients come; a socket that a lead before us left is replaced."""
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._serve, str(path), limit=MAX_LINE)
        path.chmod(0o600)
        return server

    def register(self, session: Session, service: str) -> None:
        """Give a name to a connection until it ends; raises Refused (EEXIST) if another has it."""
        if service in self._services:
            raise Refused(errno.EEXIST, f"{service}: service is already registered")
        self._services[service] = session
        session.on_close(lambda: self._services.__delitem__(service))

    def close(self) -> None:
        """End every connection."""
        for session in tuple(self._open):
            session.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(writer)
        self._open.add(session)
        try:
            while (line := await reader.readline()).endswith(b"\n"):
                self._handle(session, line)
        except (OSError, ValueError):  # the client broke off, or speaks another language
            pass
        finally:
            self._open.discard(session)
            session.close()

    def _handle(self, session: Session, line: bytes) -> None:
        request = decode(line)
        request_id, method, params = request.get("id"), request.get("method"), request.get("params", {})
        if not isinstance(request_id, int) or not isinstance(method, str) or not isinstance(params, dict):
            raise ValueError("a request has id, method and params")  # noqa: TRY004 - ends the connection
        try:
            result = self._call(session, request_id, method, params)
        except Refused as refused:
            session.refuse(request_id, refused)
        else:
            if result is not None:
                session.answer(request_id, result)
