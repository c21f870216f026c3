"""Ending a broker by signal."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

TERMINATION: Final = (signal.SIGTERM, signal.SIGINT)


def on_termination(call: Callable[[], object]) -> None:
    """Have the running loop make this call on SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in TERMINATION:
        loop.add_signal_handler(number, call)
