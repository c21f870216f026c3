"""Doing several things at once, where the first failure ends them all and is raised as what it is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine


async def together(*doing: Coroutine[Any, Any, object]) -> None:
    """Await all of them; when one fails, the others are cancelled and its error is raised, not a group of errors."""
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in doing:
                group.create_task(coroutine)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
