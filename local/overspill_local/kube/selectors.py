"""Label and field selectors: parsed from a query parameter, asked whether an object matches.

Pure. Kubernetes documentation, "Labels and Selectors" and "Field Selectors".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

Operator: TypeAlias = Literal["in", "notin", "exists", "absent"]

_KEY = r"[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?"
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_EQUALITY = re.compile(rf"({_KEY})\s*(==|=|!=)\s*([-A-Za-z0-9_.]*)")
_PRESENCE = re.compile(rf"(!?)\s*({_KEY})")
_COMMA_OUTSIDE_PARENTHESES = re.compile(r",(?![^(]*\))")


class SelectorError(ValueError):
    """The text is no selector, or asks for what cannot be selected by."""


@dataclass(frozen=True, slots=True)
class LabelRequirement:
    """One comma-separated part of a label selector."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet it; an absent label is not in any set."""
        match self.operator:
            case "in":
                return labels.get(self.key) in self.values
            case "notin":
                return labels.get(self.key) not in self.values
            case "exists":
                return self.key in labels
            case "absent":
                return self.key not in labels


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """All requirements must be met; none at all select everything."""

    requirements: tuple[LabelRequirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet every requirement."""
        return all(requirement.matches(labels) for requirement in self.requirements)


def parse_label_selector(text: str) -> LabelSelector:
    """Return the selector that `text` writes: `a=b,c!=d,e in (f,g),h notin (i),j,!k`.

    Raises SelectorError if it is none.
    """
    parts = [part.strip() for part in _COMMA_OUTSIDE_PARENTHESES.split(text)] if text.strip() else []
    return LabelSelector(tuple(_parse_requirement(part) for part in parts))


def _parse_requirement(part: str) -> LabelRequirement:
    if found := _SET.fullmatch(part):
        values = frozenset(value.strip() for value in found[4].split(","))
        return LabelRequirement(found[1], "in" if found[3] == "in" else "notin", values)
    if found := _EQUALITY.fullmatch(part):
        return LabelRequirement(found[1], "notin" if found[3] == "!=" else "in", frozenset({found[4]}))
    if found := _PRESENCE.fullmatch(part):
        return LabelRequirement(found[2], "absent" if found[1] else "exists")
    raise SelectorError(f"unable to parse requirement: {part!r}, expected: in, notin, =, ==, !=")


@dataclass(frozen=True, slots=True)
class FieldRequirement:
    """One comma-separated part of a field selector: a path, and the value that it must, or must not, have."""

    path: str
    value: str
    is_equal: bool

    def matches(self, obj: Mapping[str, Any]) -> bool:
        """Whether the object's field has the value; an absent field is an empty string."""
        return (_text_at(obj, self.path) == self.value) == self.is_equal


def _text_at(obj: Any, path: str) -> str:
    for name in path.split("."):
        obj = obj.get(name) if isinstance(obj, dict) else None
    return "" if obj is None else str(obj)


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """All requirements must be met; none at all select everything."""

    requirements: tuple[FieldRequirement, ...] = ()

    def matches(self, obj: Mapping[str, Any]) -> bool:
        """Whether the object meets every requirement."""
        return all(requirement.matches(obj) for requirement in self.requirements)


def parse_field_selector(text: str, supported: Collection[str] = ()) -> FieldSelector:
    """Return the selector that `text` writes: `metadata.name=a,status.phase!=Running`.

    `supported` are the paths that the kind allows beside `metadata.name` and `metadata.namespace`.
    Raises SelectorError for any other, or if the text is no selector.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return FieldSelector(tuple(_parse_field(part, supported) for part in parts))


def _parse_field(part: str, supported: Collection[str]) -> FieldRequirement:
    found = re.fullmatch(r"([A-Za-z][A-Za-z0-9.]*)(==|=|!=)(.*)", part)
    if not found:
        raise SelectorError(f"invalid selector: {part!r}; can't understand {part!r}")
    if found[1] not in {"metadata.name", "metadata.namespace", *supported}:
        raise SelectorError(f"field label not supported: {found[1]}")
    return FieldRequirement(found[1], found[3], found[2] != "!=")
