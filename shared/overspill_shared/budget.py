"""How long one delivery may wait: a function must answer before its platform ends it.

Only the waiting stands here; what is waited for is the caller's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from overspill_shared.errors import NotYet

if TYPE_CHECKING:
    from overspill_shared.ports import Clock


class Budget:
    """Time that one delivery may spend, from now on; waits are taken from it."""

    def __init__(self, clock: Clock, *, budget_s: float, poll_s: float) -> None:
        self._clock = clock
        self._poll_s = poll_s
        self._ends_at = clock.now() + budget_s

    def pause(self, waiting_for: str) -> None:
        """Wait `poll_s` seconds before the next look.

        Raises NotYet, naming what is waited for, if the budget does not hold that long.
        """
        if self._clock.now() + self._poll_s > self._ends_at:
            raise NotYet(f"{waiting_for}; this delivery's time is over.", remedy="It is delivered again.")
        self._clock.sleep(self._poll_s)
