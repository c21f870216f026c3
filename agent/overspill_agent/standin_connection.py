"""One connection to a stand-in instance: JSON lines over a Unix socket, requests with a deadline.

The language is documented in `overspill_local.standin.protocol`, which this package does not import: the agent is
installed without the embedded cloud. Synchronous, and of one thread. What requests mean lives in `standin_instance`.
"""

from __future__ import annotations

import json
import socket
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from overspill_shared.errors import ConfigError, FluxError, FluxUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEME: Final = "standin://"
ANSWER_TIMEOUT_S: Final = 30.0
"""How long the lead may take to answer a request: it normally takes less than a millisecond."""
_READ_BYTES: Final = 256 * 1024


class StandInConnection:
    """A connected socket, and what was read from it that nobody has asked for yet."""

    def __init__(self, connected: socket.socket, *, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        """Take a connected socket; see `connect`."""
        connected.settimeout(timeout_s)
        self._timeout_s = timeout_s
        self._socket = connected
        self._unread = b""
        self._events: deque[tuple[int, dict[str, Any]]] = deque()
        self._answers: dict[int, dict[str, Any]] = {}
        self._last_id = 0

    def fileno(self) -> int:
        """Give the socket's number, for a selector."""
        return self._socket.fileno()

    def call(
        self, method: str, params: Mapping[str, Any] | None = None, *, absent: frozenset[int] = frozenset()
    ) -> dict[str, Any]:
        """Send a request and give its result; an empty one for an error whose errno is in `absent`.

        Events that come meanwhile are kept for `next_event`. Raises FluxUnavailable if the lead is gone or silent,
        FluxError with its own words if it refuses.
        """
        request_id = self.send(method, params)
        deadline = time.monotonic() + self._timeout_s
        while request_id not in self._answers:
            # It may speak without end of other things.
            if time.monotonic() > deadline:
                raise _gone(f"it does not answer {method}")
            self.read()
        answer = self._answers.pop(request_id)
        if "error" in answer and answer["error"]["errno"] not in absent:
            raise FluxError(f"The stand-in instance refuses {method}: {answer['error']['text']}.")
        result: dict[str, Any] = answer.get("result", {})
        return result

    def send(self, method: str, params: Mapping[str, Any] | None = None) -> int:
        """Send a request, and give its id; a streaming one is answered by events that carry it."""
        self._last_id += 1
        request = {"id": self._last_id, "method": method, "params": dict(params or {})}
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as exc:
            raise _gone(exc.strerror or str(exc)) from exc
        return self._last_id

    def read(self) -> None:
        """Take in what has come, waiting for something if need be. Raises FluxUnavailable if the lead is gone."""
        try:
            chunk = self._socket.recv(_READ_BYTES)
        except OSError as exc:
            raise _gone(exc.strerror or str(exc)) from exc
        if not chunk:
            raise _gone("it has closed the connection")
        *lines, self._unread = (self._unread + chunk).split(b"\n")
        for message in map(json.loads, lines):
            if "event" in message:
                self._events.append((message["id"], message["event"]))
            else:
                self._answers[message["id"]] = message

    @property
    def pending(self) -> int:
        """How many events were read that nobody has asked for."""
        return len(self._events)

    def next_event(self, stream: int) -> dict[str, Any] | None:
        """Give the next event of the stream with this id, or None; those of streams before it are dropped."""
        while self._events:
            number, event = self._events.popleft()
            if number == stream:
                return event
        return None

    def close(self) -> None:
        """Disconnect; harmless if done already."""
        self._socket.close()


def connect(uri: str) -> StandInConnection:
    """Connect to standin:///PATH.

    Raises FluxUnavailable if no lead listens there, ConfigError if that is no such address.
    """
    path = uri.removeprefix(SCHEME)
    if not uri.startswith(SCHEME) or not path.startswith("/"):
        raise ConfigError(
            f"FLUX_URI: {uri[:80]!r} is no address of a stand-in instance.",
            remedy=f"Set it to what the lead's log says: {SCHEME}/PATH.",
            code="flux-uri",
        )
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connected.connect(path)
    except OSError as exc:
        connected.close()
        raise FluxUnavailable(
            f"No stand-in instance answers at {uri} ({exc.strerror or exc}).", remedy="Start its lead broker."
        ) from exc
    return StandInConnection(connected)


def _gone(reason: str) -> FluxUnavailable:
    return FluxUnavailable(f"The stand-in instance is gone ({reason}).", remedy="Wait until it is back, connect again.")
