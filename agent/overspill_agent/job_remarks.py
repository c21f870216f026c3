"""What is told to Flux about jobs: memos, remarks and urgencies, some at a time.

A burst may be for thousands of jobs, and each call takes a round trip: made all at once, they would keep events, and
what ends a burst, waiting for seconds. Nothing decided depends on one of them. What to tell is not known here.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from overspill_shared.errors import OverspillError

if TYPE_CHECKING:
    from collections.abc import Callable

    from overspill_agent.ports import FluxInstance

log = logging.getLogger(__name__)

AT_ONCE: Final = 100
"""Calls between two looks at what else there is to do: some 20 ms."""


class JobRemarks:
    """Makes calls about jobs: the first at once, more in later turns of the instance's loop."""

    def __init__(self, instance: FluxInstance) -> None:
        self._instance = instance
        self._waiting: dict[tuple[str, int], Callable[[], None]] = {}
        self._left = AT_ONCE
        self._will_go_on = False

    def tell(self, what: str, jobid: int, call: Callable[[], None]) -> None:
        """Have a call made; it replaces one of the same kind for the same job that was not made yet.

        A failure is logged: it must not stop a burst.
        """
        self._waiting[what, jobid] = call
        self._make_some()

    def _make_some(self) -> None:
        while self._waiting and self._left:
            key = next(iter(self._waiting))
            self._left -= 1
            self._attempt(*key, self._waiting.pop(key))
        if not self._will_go_on:
            self._will_go_on = True
            self._instance.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._will_go_on, self._left = False, AT_ONCE
        if self._waiting:
            self._make_some()

    def _attempt(self, what: str, jobid: int, call: Callable[[], None]) -> None:
        try:
            call()
        except OverspillError as exc:
            log.warning("job.not_told", extra={"what": what, "jobid": jobid, "error": exc.text})
