"""Typed access to a request's parameters; a wrong one is refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from overspill_local.standin.protocol import invalid
from overspill_shared.idset import Ranks, parse_idset

if TYPE_CHECKING:
    from collections.abc import Mapping


class Params:
    """The parameters of one request; every getter raises Refused (EINVAL)."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def text(self, name: str, default: str | None = None) -> str:
        """Give a text."""
        value = self._values.get(name, default)
        if not isinstance(value, str):
            raise invalid(f"{name}: text is needed")
        return value

    def integer(self, name: str, default: int | None = None) -> int:
        """Give a number."""
        value = self._values.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise invalid(f"{name}: a number is needed")
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        """Give an object."""
        value = self._values.get(name)
        if not isinstance(value, dict):
            raise invalid(f"{name}: an object is needed")
        return value

    def ranks(self, name: str = "ranks") -> Ranks:
        """Give an idset."""
        try:
            return parse_idset(self.text(name))
        except ValueError as exc:
            raise invalid(f"{name}: {exc}") from None
