"""Job constraints (RFC 31): whether a rank satisfies one.

Pure; which constraint a job has is `ingest`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from overspill_shared import hostlist
from overspill_shared.idset import parse_idset

if TYPE_CHECKING:
    from overspill_local.standin.resources import RankShape


def satisfies(shape: RankShape, constraint: Mapping[str, Any]) -> bool:
    """Tell whether a rank satisfies a constraint; the empty one is satisfied by all.

    Raises ValueError if it is no RFC 31 object.
    """
    if len(constraint) > 1:
        raise ValueError("a constraint has one operator")
    return all(_satisfies_operator(shape, operator, values) for operator, values in constraint.items())


def _satisfies_operator(shape: RankShape, operator: str, values: Any) -> bool:
    if not isinstance(values, list):
        raise ValueError(f"constraint {operator!r} takes a list")  # noqa: TRY004 - one error for any wrong constraint
    match operator:
        case "properties":
            return all(_has_property(shape, _text(value)) for value in values)
        case "hostlist":
            return any(shape.host in hostlist.expand(_text(value)) for value in values)
        case "ranks":
            return any(shape.rank in parse_idset(_text(value)) for value in values)
        case "and":
            return all(satisfies(shape, _mapping(value)) for value in values)
        case "or":
            return any(satisfies(shape, _mapping(value)) for value in values)
        case "not":
            return not all(satisfies(shape, _mapping(value)) for value in values)
        case _:
            raise ValueError(f"unknown constraint operator: {operator}")


def _has_property(shape: RankShape, name: str) -> bool:
    return name[1:] not in shape.properties if name.startswith("^") else name in shape.properties


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"constraint value {value!r} is no text")  # noqa: TRY004
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"constraint value {value!r} is no constraint")  # noqa: TRY004
    return value
