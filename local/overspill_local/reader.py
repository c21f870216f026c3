"""Showing events to a reader who may go away, as `head` does: that must not reach what the events are about."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from overspill_local.timeline import Event


def shown_while_read(show: Callable[[Event], None], on_unread: Callable[[], object]) -> Callable[[Event], None]:
    """Give a listener that shows events until nobody reads standard output any more; then it calls `on_unread` once."""
    is_read = True

    def listen(event: Event) -> None:
        nonlocal is_read
        if not is_read:
            return
        try:
            show(event)
        except (BrokenPipeError, SystemExit):  # rich turns the one into the other
            is_read = False
            _write_nowhere()
            on_unread()

    return listen


def _write_nowhere() -> None:
    """Lead standard output to nowhere, for what is in its buffer and what is still to come."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
