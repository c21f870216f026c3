"""Job ids: FLUIDs (RFC 19), and how people read them.

A FLUID grows with time, so ids sort by submission. Pure: the time is an argument.
"""

from __future__ import annotations

from typing import Final

ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
F58_PREFIX: Final = "ƒ"
SEQUENCE_BITS: Final = 24
"""RFC 19: 14 bits of generator id and 10 bits of sequence number; there is one generator here."""


def next_jobid(now: float, created_at: float, last: int) -> int:
    """Give the next id of an instance made at `created_at` (both epoch seconds), larger than `last`."""
    milliseconds = max(0, int((now - created_at) * 1000))
    return max(milliseconds << SEQUENCE_BITS, last + 1)


def format_f58(jobid: int) -> str:
    """Write an id as Flux does.

    >>> format_f58(6731191091817518)
    'ƒuZZybuNNy'
    """
    digits = ""
    while jobid:
        jobid, digit = divmod(jobid, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return F58_PREFIX + (digits or ALPHABET[0])


def parse_jobid(text: str) -> int:
    """Read an id in F58 (with ƒ, or f for keyboards without it) or decimal.

    Raises ValueError for anything else.

    >>> parse_jobid("ƒuZZybuNNy") == parse_jobid("fuZZybuNNy") == parse_jobid("6731191091817518")
    True
    """
    if text.isascii() and text.isdigit():
        return int(text)
    digits = text[1:]
    if text[:1] not in (F58_PREFIX, "f") or not digits or any(digit not in ALPHABET for digit in digits):
        raise ValueError(f"{text[:40]!r} is no job id: F58 (ƒ…) or decimal is")
    number = 0
    for digit in digits:
        number = number * len(ALPHABET) + ALPHABET.index(digit)
    return number
