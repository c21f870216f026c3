"""Sets of ranks in RFC 22's text form, as pure functions over frozensets.

Nothing here knows what a rank is used for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Ranks = frozenset[int]
"""A set of broker ranks."""

MAX_ID = 2**31 - 1
"""Ids above this are refused: no Flux instance has that many ranks, and a range up to it would fill memory."""
MAX_SIZE = 1_000_000
"""Most ids in one set."""


def parse_idset(text: str) -> Ranks:
    """Read an idset (RFC 22), with or without brackets.

    Raises ValueError for anything else.

    >>> sorted(parse_idset("0-2,5"))
    [0, 1, 2, 5]
    >>> parse_idset("")
    frozenset()
    """
    body = text.strip()
    if body.startswith("[") and body.endswith("]"):
        body = body[1:-1]
    if not body:
        return frozenset()
    ids: set[int] = set()
    for part in body.split(","):
        low, high = _parse_range(part, text)
        if len(ids) + high - low >= MAX_SIZE:
            raise ValueError(f"{text[:60]!r} holds more than {MAX_SIZE} ids")
        ids.update(range(low, high + 1))
    return frozenset(ids)


def format_idset(ids: Iterable[int]) -> str:
    """Write a set as the shortest idset, in order.

    >>> format_idset({5, 0, 1, 2})
    '0-2,5'
    """
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in runs(ids))


def runs(ids: Iterable[int]) -> list[tuple[int, int]]:
    """Give the maximal runs of consecutive ids, as (first, last), in order.

    >>> runs({1, 2, 3, 7})
    [(1, 3), (7, 7)]
    """
    found: list[tuple[int, int]] = []
    for number in sorted(set(ids)):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _parse_range(part: str, whole: str) -> tuple[int, int]:
    low_text, dash, high_text = part.partition("-")
    if not (low_text.isascii() and low_text.isdigit()) or (dash and not (high_text.isascii() and high_text.isdigit())):
        raise ValueError(f"{whole[:60]!r} is not an idset: {part[:20]!r} is neither a number nor a range")
    low = int(low_text)
    high = int(high_text) if dash else low
    if low > high or high > MAX_ID:
        raise ValueError(f"{whole[:60]!r} is not an idset: {part[:20]!r} is out of order or too large")
    return low, high
