"""Constraints of jobs (RFC 31): checked once, then asked of many ranks. Pure.

A constraint is spelled out as text wherever it is compared or looked up; what it asks of a rank is worked out once for
each text. What else a job needs stands in `demand`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from overspill_shared.hostlist import expand
from overspill_shared.idset import parse_idset

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from overspill_agent.ports import RankResources

    RankTest = Callable[[RankResources, str], bool]
    """Whether a job may run on a rank; the text is the rank's host."""


def check_constraint(constraint: Any) -> None:
    """Check that a constraint can be decided for any rank: else a job might be sent where it may not run.

    Raises ValueError, or TypeError where a value is of the wrong kind.
    """
    if not isinstance(constraint, Mapping):
        raise TypeError(f"a constraint must be an object, not {str(constraint)[:40]!r}")
    for operator, values in constraint.items():
        if operator not in _OPERATORS:
            raise ValueError(f"RFC 31 has no constraint {operator[:40]!r}")
        if not isinstance(values, list):
            raise TypeError(f"the constraint {operator!r} must hold a list, not {str(values)[:40]!r}")
        for value in values:
            _OPERATORS[operator](value)


def spell(constraint: Mapping[str, Any]) -> str:
    """Give a constraint as text; none is the empty text."""
    return json.dumps(constraint, separators=(",", ":")) if constraint else ""


@lru_cache(maxsize=4096)
def rank_test(text: str) -> RankTest:
    """Give what tells whether a rank satisfies a constraint that was checked and spelled."""
    return _all_of(json.loads(text)) if text else _any_rank


def names_ranks(constraint: Mapping[str, Any]) -> bool:
    """Tell whether a constraint names hosts or ranks, so that alike ranks are not alike to it."""
    return any(
        operator in ("hostlist", "ranks") or (operator in ("and", "or", "not") and any(map(names_ranks, values)))
        for operator, values in constraint.items()
    )


def _all_of(constraint: Mapping[str, Any]) -> RankTest:
    tests = [_TESTS[operator](values) for operator, values in constraint.items()]
    return tests[0] if len(tests) == 1 else _each_of(tests)


def _each_of(tests: Sequence[RankTest]) -> RankTest:
    return lambda rank, host: all(test(rank, host) for test in tests)


def _properties(names: Sequence[str]) -> RankTest:
    wanted = frozenset(name for name in names if not name.startswith("^"))
    unwanted = frozenset(name[1:] for name in names if name.startswith("^"))
    return lambda rank, _host: wanted <= rank.properties and unwanted.isdisjoint(rank.properties)


def _hostlist(texts: Sequence[str]) -> RankTest:
    hosts = frozenset(host for text in texts for host in expand(text))
    return lambda _rank, host: host in hosts


def _ranks(texts: Sequence[str]) -> RankTest:
    ranks = frozenset(rank for text in texts for rank in parse_idset(text))
    return lambda rank, _host: rank.rank in ranks


def _and(parts: Sequence[Mapping[str, Any]]) -> RankTest:
    return _each_of([_all_of(part) for part in parts])


def _or(parts: Sequence[Mapping[str, Any]]) -> RankTest:
    tests = [_all_of(part) for part in parts]
    return lambda rank, host: any(test(rank, host) for test in tests)


def _not(parts: Sequence[Mapping[str, Any]]) -> RankTest:
    holds = _and(parts)
    return lambda rank, host: not holds(rank, host)


def _any_rank(_rank: RankResources, _host: str) -> bool:
    return True


def _check_property(name: Any) -> None:
    if not isinstance(name, str):
        raise TypeError(f"a property must be a text, not {str(name)[:40]!r}")


_OPERATORS: Final[Mapping[str, Callable[[Any], object]]] = {
    "properties": _check_property,
    "hostlist": expand,
    "ranks": parse_idset,
    "and": check_constraint,
    "or": check_constraint,
    "not": check_constraint,
}
"""The operators of RFC 31, and what checks one of their operands."""

_TESTS: Final[Mapping[str, Callable[[Sequence[Any]], RankTest]]] = {
    "properties": _properties,
    "hostlist": _hostlist,
    "ranks": _ranks,
    "and": _and,
    "or": _or,
    "not": _not,
}
