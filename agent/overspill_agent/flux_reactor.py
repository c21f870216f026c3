"""The event loop of a connection to Flux: what is listened to, timers, and calls from other threads.

Flux's reactor runs C code that calls back into Python and cannot carry an exception out. So every callback passes
through `_guarded`, which keeps the first exception, stops the reactor, and lets `run` raise it. Nothing here knows what
is listened to, or why.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from overspill_shared.errors import FluxUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from overspill_agent.flux_connection import FluxConnection

log = logging.getLogger(__name__)

_DRAIN_BYTES: Final = 4096


class FluxTimer:
    """A call that is to come; see `ports.Timer`."""

    def __init__(self) -> None:
        self._watcher: Any = None

    def start(self, watcher: Any) -> None:
        """Take the watcher that makes the call, and start it."""
        self._watcher = watcher
        watcher.start()

    def cancel(self) -> None:
        """Drop the call; harmless once it was made."""
        if self._watcher is not None:
            self._watcher.destroy()
            self._watcher = None


class FluxReactor:
    """The loop of one connection; only `call_soon` and `stop` may be called from other threads."""

    def __init__(self, connection: FluxConnection) -> None:
        self._connection = connection
        self._calls: deque[Callable[[], None]] = deque()
        self._timers: set[FluxTimer] = set()
        self._futures: set[Any] = set()
        self._failure: BaseException | None = None
        self._stopping = False
        self._wake_fd, self._woken_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)[::-1]
        handle = connection.handle
        self._waker = handle.fd_watcher_create(
            self._woken_fd, self._guarded(self._make_calls), connection.flux.constants.FLUX_POLLIN
        )
        self._waker.start()

    def call_soon(self, call: Callable[[], None]) -> None:
        """Have the owner's thread make this call, in the order of asking; from any thread, and before `run` too."""
        self._calls.append(call)
        # A full pipe wakes as well as one byte more, and a closed one has nobody to wake.
        with contextlib.suppress(OSError):
            os.write(self._wake_fd, b"\0")

    def call_later(self, delay_s: float, call: Callable[[], None]) -> FluxTimer:
        """Have this call made in `delay_s` seconds, if the loop runs then."""
        timer = FluxTimer()

        def expire() -> None:
            self._timers.discard(timer)
            timer.cancel()
            call()

        handle = self._connection.handle
        # The reactor counts from when it last looked at the clock, which may be long ago.
        handle.flux_reactor_now_update(handle.get_reactor())
        timer.start(handle.timer_watcher_create(max(0.0, delay_s), self._guarded(expire)))
        self._timers.add(timer)
        return timer

    def send(self, topic: str, payload: Mapping[str, Any], *, rank: int) -> None:
        """Send a request whose answer does not matter; an error is logged for whoever debugs."""

        def answered(future: Any) -> None:
            self._futures.discard(future)
            try:
                future.get()
            except OSError as exc:
                log.debug("flux.request-failed", extra={"topic": topic, "rank": rank, "reason": str(exc)})

        future = self._connection.handle.rpc(topic, dict(payload), nodeid=rank)
        self._futures.add(future)
        future.then(self._guarded(answered))

    def subscribe(self, topic: str, payload: Mapping[str, Any], on_answer: Callable[[Any], None]) -> None:
        """Send a request to rank 0 that is answered again and again, until `run` ends; the end of it is an error."""

        def answered(future: Any) -> None:
            try:
                answer = future.get()
            except OSError as exc:
                reason = exc.strerror or str(exc)
                raise FluxUnavailable(f"Flux ended {topic} ({reason}).", remedy="Connect again.") from exc
            future.reset()
            on_answer(answer)

        streaming = self._connection.flux.constants.FLUX_RPC_STREAMING
        future = self._connection.handle.rpc(topic, dict(payload), nodeid=0, flags=streaming)
        self._futures.add(future)
        future.then(self._guarded(answered))

    def run(self) -> None:
        """Serve until `stop`, or return at once if that was called before.

        Raises what a callback raised, and FluxUnavailable if the broker goes away.
        """
        try:
            if not self._stopping:
                with self._woken_by_signals(), self._connection.handle.in_reactor():
                    self._run_flux_reactor(flags=0)
            if self._failure is not None:
                raise self._failure
            if not self._stopping:
                raise FluxUnavailable("The Flux broker went away.", remedy="Wait until it is back, and connect again.")
        finally:
            self._failure, self._stopping = None, False
            self._release_futures()

    def stop(self) -> None:
        """End `run`, from any thread or a signal handler; nothing more is called."""
        self._stopping = True
        self.call_soon(lambda: None)

    def close(self) -> None:
        """Let go of everything that keeps the connection open; harmless if done already."""
        if self._waker is None:
            return
        self._release_futures()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._waker.destroy()
        self._waker = None
        os.close(self._wake_fd)
        os.close(self._woken_fd)

    def _guarded(self, call: Callable[..., None]) -> Callable[..., None]:
        """Give a callback for Flux that makes the call with as many arguments as it takes, and keeps what it raises."""
        takes = call.__code__.co_argcount if hasattr(call, "__code__") else 0
        raise NotImplementedError(takes)
