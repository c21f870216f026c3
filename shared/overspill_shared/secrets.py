"""A value that must not be seen: masked in every repr, str, log line, traceback and JSON.

Opening it is a visible act: `.reveal()`. Nothing here encrypts: see `sealing`.
"""

from __future__ import annotations

from typing import Final, NoReturn

MASK: Final = "**********"


class Secret:
    """Bytes that print as a mask; not picklable, not JSON, equal only to the same bytes."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """Give the bytes; the caller answers for where they go."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not for pickling")
