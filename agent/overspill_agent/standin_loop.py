"""The event loop of a connection to a stand-in instance: what is heard, timers, and calls from other threads.

One thread runs it; only `call_soon` and `stop` may be called from others. It knows no event and no rule.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import selectors
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from overspill_shared.errors import FluxUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from overspill_agent.standin_connection import StandInConnection

_DRAIN_BYTES: Final = 4096


class LoopTimer:
    """A call that is to come; see `ports.Timer`."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Drop the call; harmless once it was made."""
        self.call = None


class StandInLoop:
    """The loop of one connection."""

    def __init__(self, connection: StandInConnection) -> None:
        self._connection = connection
        self._calls: deque[Callable[[], None]] = deque()
        self._timers: list[tuple[float, int, LoopTimer]] = []
        self._order = itertools.count()
        self._stopping = False
        self._woken_fd, self._wake_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._woken_fd, selectors.EVENT_READ)
        self._selector.register(connection, selectors.EVENT_READ)

    def call_soon(self, call: Callable[[], None]) -> None:
        """Have the owner's thread make this call, in the order of asking; from any thread, and before `run` too."""
        self._calls.append(call)
        self._wake()

    def call_later(self, delay_s: float, call: Callable[[], None]) -> LoopTimer:
        """Have this call made in `delay_s` seconds, if the loop runs then."""
        timer = LoopTimer(call)
        heapq.heappush(self._timers, (time.monotonic() + delay_s, next(self._order), timer))
        return timer

    def run(self, on_event: Callable[[dict[str, Any]], None]) -> None:
        """Subscribe, and serve until `stop`; return at once if that was called before.

        Raises what a callback raised, and FluxUnavailable if the lead goes away.
        """
        try:
            if self._stopping:
                return
            stream = self._connection.send("subscribe")
            while self._goes_on():
                self._turn(stream, on_event)
            with contextlib.suppress(FluxUnavailable):
                self._connection.call("stream.cancel", {"stream": stream})
        finally:
            self._stopping = False

    def _goes_on(self) -> bool:
        """Ask anew each time: another thread, or a signal handler, may have called `stop`."""
        return not self._stopping

    def stop(self) -> None:
        """End `run`, from any thread or a signal handler: what has not been called by then is not called."""
        self._stopping = True
        self._wake()

    def close(self) -> None:
        """Let go of everything; harmless if done already."""
        if self._wake_fd < 0:
            return
        self._selector.close()
        self._timers.clear()
        for number in (self._wake_fd, self._woken_fd):
            os.close(number)
        self._wake_fd = self._woken_fd = -1

    def _turn(self, stream: int, on_event: Callable[[dict[str, Any]], None]) -> None:
        for key, _ in self._selector.select(self._pause_s()):
            if key.fd == self._woken_fd:
                self._clear_wakes()
            else:
                self._connection.read()
        # What these calls add is done in the next turn: one that repeats itself must not starve the rest.
        for _ in range(len(self._calls)):
            if not self._stopping:
                self._calls.popleft()()
        self._expire_timers()
        for _ in range(self._connection.pending):
            if not self._stopping and (event := self._connection.next_event(stream)) is not None:
                on_event(event)

    def _pause_s(self) -> float | None:
        """Give how long there is nothing to do, unless something comes."""
        if self._calls or self._connection.pending:
            return 0.0
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _expire_timers(self) -> None:
        now = time.monotonic()
        while not self._stopping and self._timers and self._timers[0][0] <= now:
            _, _, timer = heapq.heappop(self._timers)
            call, timer.call = timer.call, None
            if call is not None:
                call()

    def _clear_wakes(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._woken_fd, _DRAIN_BYTES):
                pass

    def _wake(self) -> None:
        # A full pipe wakes as well as one byte more would, and a closed one has nobody to wake.
        with contextlib.suppress(OSError):
            os.write(self._wake_fd, b"\0")
