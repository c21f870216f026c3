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

from overspill_agent.flux_connection import translated
from overspill_shared.errors import FluxUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from overspill_agent.flux_connection import FluxConnection

log = logging.getLogger(__name__)

_DRAIN_BYTES: Final = 4096


class FluxTimer:
    """A call that is to come; see `ports.Timer`."""

    def __init__(self, watcher: Any, forget: Callable[[FluxTimer], None]) -> None:
        """Start the watcher that makes the call; `forget` is called once there is nothing more to come."""
        self._watcher = watcher
        self._forget = forget
        watcher.start()

    def cancel(self) -> None:
        """Drop the call; harmless once it was made."""
        if self._watcher is not None:
            self._watcher.destroy()
            self._watcher = None
            self._forget(self)


class FluxReactor:
    """The loop of one connection; only `call_soon` and `stop` may be called from other threads."""

    def __init__(self, connection: FluxConnection) -> None:
        self._connection = connection
        self._calls: deque[Callable[[], None]] = deque()
        self._timers: set[FluxTimer] = set()
        self._futures: set[Any] = set()
        self._failure: BaseException | None = None
        self._stopping = False
        self._turn = 0
        self._woken_fd, self._wake_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._waker = connection.handle.fd_watcher_create(
            self._woken_fd, lambda *_: self._guarded(self._make_calls), connection.flux.constants.FLUX_POLLIN
        )
        self._waker.start()

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called and `run` has not returned since."""
        return self._stopping

    def call_soon(self, call: Callable[[], None]) -> None:
        """Have the owner's thread make this call, in the order of asking; from any thread, and before `run` too."""
        self._calls.append(call)
        self._wake()

    def call_later(self, delay_s: float, call: Callable[[], None]) -> FluxTimer:
        """Have this call made in `delay_s` seconds, if the loop runs then."""

        def expire() -> None:
            timer.cancel()
            call()

        handle = self._connection.handle
        # The reactor counts from when it last looked at the clock, which may be long ago.
        handle.flux_reactor_now_update(handle.get_reactor())
        watcher = handle.timer_watcher_create(max(0.0, delay_s), lambda *_: self._guarded(expire))
        timer = FluxTimer(watcher, self._timers.discard)
        self._timers.add(timer)
        return timer

    def send(
        self,
        topic: str,
        payload: Mapping[str, Any],
        *,
        rank: int,
        on_answer: Callable[[OSError | None], None] | None = None,
    ) -> None:
        """Send a request, and tell `on_answer` of its end while the loop runs: the error, or None for success.

        Raises FluxUnavailable if the broker is gone.
        """

        def ended(answer: Mapping[str, Any] | OSError) -> None:
            if on_answer is not None:
                on_answer(answer if isinstance(answer, OSError) else None)

        self.ask(topic, payload, rank=rank, on_answer=ended)

    def ask(
        self,
        topic: str,
        payload: Mapping[str, Any],
        *,
        rank: int,
        on_answer: Callable[[Mapping[str, Any] | OSError], None],
    ) -> None:
        """Send a request, and give `on_answer` what it was answered while the loop runs.

        Raises FluxUnavailable if the broker is gone.
        """

        def answered(future: Any) -> None:
            self._futures.discard(future)
            answer: Mapping[str, Any] | OSError
            try:
                answer = future.get() or {}
            except OSError as exc:
                log.debug("flux.request-failed", extra={"topic": topic, "rank": rank, "reason": str(exc)})
                answer = exc
            on_answer(answer)

        with translated(topic):
            future = self._connection.handle.rpc(topic, dict(payload), nodeid=rank)
        self._keep(future, answered)

    def collect(
        self,
        topic: str,
        payload: Mapping[str, Any],
        *,
        rank: int,
        on_end: Callable[[list[Mapping[str, Any]], OSError], None],
    ) -> None:
        """Send a request that is answered several times, and tell `on_end` of all answers and of what ended them.

        Raises FluxUnavailable if the broker is gone.
        """
        answers: list[Mapping[str, Any]] = []

        def answered(future: Any) -> None:
            try:
                answers.append(future.get())
            except OSError as exc:
                self._futures.discard(future)
                on_end(answers, exc)
            else:
                future.reset()

        streaming = self._connection.flux.constants.FLUX_RPC_STREAMING
        with translated(topic):
            future = self._connection.handle.rpc(topic, dict(payload), nodeid=rank, flags=streaming)
        self._keep(future, answered)

    def send_unanswered(self, topic: str, payload: Mapping[str, Any]) -> None:
        """Send a request to rank 0 that is not answered.

        Raises FluxUnavailable if the broker is gone.
        """
        flags = self._connection.flux.constants.FLUX_RPC_NORESPONSE
        with translated(topic):
            self._connection.handle.rpc(topic, dict(payload), nodeid=0, flags=flags)

    def subscribe(self, topic: str, payload: Mapping[str, Any], on_answer: Callable[[Any], None]) -> None:
        """Send a request to rank 0 that is answered again and again, until `run` ends; the end of it is an error."""
        subscribed_in = self._turn

        def answered(future: Any) -> None:
            try:
                answer = future.get()
            except OSError as exc:
                reason = exc.strerror or str(exc)
                raise FluxUnavailable(f"Flux ended {topic} ({reason}).", remedy="Connect again.") from exc
            finally:
                future.reset()
            # A subscription cannot be ended in Flux but by disconnecting: answers to an earlier one still come.
            if self._turn == subscribed_in:
                on_answer(answer)

        streaming = self._connection.flux.constants.FLUX_RPC_STREAMING
        future = self._connection.handle.rpc(topic, dict(payload), nodeid=0, flags=streaming)
        self._keep(future, answered)

    def run(self, start: Callable[[], None]) -> None:
        """Call `start`, then serve until `stop`; return at once if that was called before.

        Raises what a callback raised, and FluxUnavailable if the broker goes away.
        """
        try:
            if not self._stopping:
                self._wake()
                start()
                self._serve()
            if self._failure is not None:
                raise self._failure
            if not self._stopping:
                raise FluxUnavailable("The Flux broker went away.", remedy="Wait until it is back, and connect again.")
        finally:
            self._failure, self._stopping = None, False
            self._turn += 1

    def stop(self) -> None:
        """End `run`, from any thread or a signal handler: what has not been called by then waits for the next `run`."""
        self._stopping = True
        self._wake()

    def close(self) -> None:
        """Let go of everything that keeps the connection open; harmless if done already."""
        if self._waker is None:
            return
        self._release_futures()
        for timer in tuple(self._timers):
            timer.cancel()
        self._waker.destroy()
        self._waker = None
        woken_fd, wake_fd = self._woken_fd, self._wake_fd
        # A call from another thread may come later, when the numbers are another file's.
        self._woken_fd = self._wake_fd = -1
        os.close(wake_fd)
        os.close(woken_fd)

    def _guarded(self, call: Callable[[], None]) -> None:
        """Make a call of the loop's; once something was raised, or the loop is to stop, only stop it."""
        if self._failure is None and not self._stopping:
            try:
                call()
            except BaseException as exc:  # noqa: BLE001 - C code calls this and loses it: `run` raises it
                self._failure = exc
        if self._failure is not None or self._stopping:
            self._connection.handle.reactor_stop()

    def _serve(self) -> None:
        with self._woken_by_signals(), self._connection.handle.in_reactor():
            self._run_flux_reactor(0)

    def _run_flux_reactor(self, flags: int) -> None:
        """Run Flux's own loop, and not `Flux.reactor_run`, which would take SIGINT away from whoever handles it."""
        handle = self._connection.handle
        try:
            handle.flux_reactor_run(handle.get_reactor(), flags)
        except OSError as exc:
            log.debug("flux.reactor-ended", extra={"reason": str(exc)})

    def _make_calls(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._woken_fd, _DRAIN_BYTES):
                pass
        # Those that these calls add are made in the next turn: a call that repeats itself must not starve the rest.
        for _ in range(len(self._calls)):
            if self._stopping:
                return
            self._calls.popleft()()
        if self._calls:
            self._wake()

    def _wake(self) -> None:
        # A full pipe wakes as well as one byte more would, and a closed one has nobody to wake.
        with contextlib.suppress(OSError):
            os.write(self._wake_fd, b"\0")

    @contextlib.contextmanager
    def _woken_by_signals(self) -> Iterator[None]:
        """Let signals wake the loop, so that Python's handlers run at once and not at the next event."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous_fd = signal.set_wakeup_fd(self._wake_fd, warn_on_full_buffer=False)
        is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if is_default:
            signal.signal(signal.SIGINT, self._interrupted)
        try:
            yield
        finally:
            if is_default:
                signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.set_wakeup_fd(previous_fd)

    def _interrupted(self, _signum: int, _frame: object) -> None:
        """Stand in for Python's own handler, which would raise where C code loses it."""
        self._failure = KeyboardInterrupt()

    def _keep(self, future: Any, answered: Callable[[Any], None]) -> None:
        self._futures.add(future)
        future.then(lambda future: self._guarded(lambda: answered(future)))

    def _release_futures(self) -> None:
        """Give up what is still to be answered: the bindings keep a future alive, and the connection with it.

        For the very end only: Flux may give what identifies a future's answers to the next request.
        """
        if not self._futures:
            return
        for future in self._futures:
            future.stop()
            with contextlib.suppress(OSError):
                future.fulfill_error(errno.ECANCELED)
        self._futures.clear()
        with self._connection.handle.in_reactor():
            self._run_flux_reactor(self._connection.flux.constants.FLUX_REACTOR_NOWAIT)
