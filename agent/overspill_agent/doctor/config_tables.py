"""Reading broker.toml as a mapping that may have any shape. Nothing is judged here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def table(config: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """Give a nested table; an empty one where there is none.

    >>> table({"a": {"b": {"c": 1}}}, "a", "b"), table({"a": 1}, "a", "b")
    ({'c': 1}, {})
    """
    found: Any = config
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def strings(value: Any) -> tuple[str, ...]:
    """Give the strings of an array; none where it is no array.

    >>> strings(["a", 1, "b"]), strings("a")
    (('a', 'b'), ())
    """
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list | tuple) else ()
