"""The machine's own clock."""

from __future__ import annotations

import time


class SystemClock:
    """Implements ports.Clock."""

    def now(self) -> float:
        """Give epoch seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(max(0.0, seconds))
