"""Requests about single jobs, of which there may be thousands: sent without waiting, a bounded number on the way.

One answer takes milliseconds where many jobs wait, and the agent has more urgent things to do than to wait for
thousands of them. They are sent in the order of asking. What they mean is `flux_instance`'s.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from overspill_shared.errors import FluxUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_agent.flux_reactor import FluxReactor

log = logging.getLogger(__name__)

MAX_ON_THE_WAY: Final = 64
"""Enough to keep the job manager busy, and few enough that another request does not wait long behind them."""


class JobRequests:
    """The requests of one connection; it belongs to the thread that runs the reactor."""

    def __init__(self, reactor: FluxReactor) -> None:
        self._reactor = reactor
        self._waiting: deque[tuple[str, dict[str, Any], frozenset[int]]] = deque()
        self._on_the_way = 0
        self._is_closed = False
        self._failures: set[tuple[str, int | None]] = set()

    def send(self, topic: str, payload: Mapping[str, Any], *, absent: frozenset[int]) -> None:
        """Send a request as soon as there is room; an error is logged, unless its errno is in `absent`.

        Raises FluxUnavailable if the broker is gone.
        """
        self._waiting.append((topic, dict(payload), absent))
        self._send_what_fits()

    def close(self) -> None:
        """Send all that waits, as far as there is a broker, and hear of no answer any more."""
        self._is_closed = True
        with contextlib.suppress(FluxUnavailable):
            while self._waiting:
                topic, payload, _ = self._waiting.popleft()
                self._reactor.send_unanswered(topic, payload)

    def _send_what_fits(self) -> None:
        while self._waiting and self._on_the_way < MAX_ON_THE_WAY:
            self._send_one(*self._waiting.popleft())

    def _send_one(self, topic: str, payload: dict[str, Any], absent: frozenset[int]) -> None:
        def answered(error: OSError | None) -> None:
            if self._is_closed:
                return
            self._on_the_way -= 1
            if error is not None and error.errno not in absent:
                self._log(topic, payload, error)
            self._send_what_fits()

        self._reactor.send(topic, payload, rank=0, on_answer=answered)
        self._on_the_way += 1

    def _log(self, topic: str, payload: Mapping[str, Any], error: OSError) -> None:
        """Log what fails once of each kind: it may fail for thousands of jobs alike."""
        kind = (topic, error.errno)
        facts = {"what": topic, "jobid": payload["id"], "error": error.strerror or str(error)}
        log.log(logging.DEBUG if kind in self._failures else logging.WARNING, "job.not_told", extra=facts)
        self._failures.add(kind)
