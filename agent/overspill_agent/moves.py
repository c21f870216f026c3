"""A burst's latest move, as the log tells it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from overspill_agent.bursts import Burst

log = logging.getLogger(__name__)


def log_move(burst: Burst) -> None:
    """Log a burst's latest move."""
    entry = burst.history[-1]
    facts = {"state": burst.state.value, "cause": entry.cause, "slot": burst.slot, "nodes": burst.size}
    if burst.error is not None:
        facts["error_class"] = burst.error.error_class.value
        facts["remedy"] = burst.error.remedy
    log.info("burst.moved", extra={"burst_id": burst.burst_id, **facts})
