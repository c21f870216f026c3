"""Which jobs may burst, by the policy, and what their mark wishes for. Pure.

The mark is `attributes.system.burstable`: any JSON value. A truthy one marks the job; an object may say more:
`burstable.template`, `burstable.slot` and `burstable.max_usd`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from overspill_agent.deciding.policy import Policy
    from overspill_agent.jobs import PendingJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What a job's mark wishes for."""

    template: str | None = None
    slot: str | None = None
    max_usd: float | None = None


NO_HINTS = Hints()


def eligibility_of(policy: Policy) -> Callable[[PendingJob], bool]:
    """Give what tells whether a job may burst.

    >>> from types import SimpleNamespace
    >>> eligibility_of(SimpleNamespace(eligible="attribute"))(SimpleNamespace(burstable={"slot": "burst-0"}))
    True
    """
    rule, _, name = policy.eligible.partition(":")
    match rule:
        case "all":
            return lambda _job: True
        case "queue":
            return lambda job: job.demand is not None and job.demand.queue == name
        case "property":
            return lambda job: job.demand is not None and _requires(job.demand.constraint, name)
        case _:
            return lambda job: bool(job.burstable)


def read_hints(mark: Any) -> Hints:
    """Read what a mark wishes for; what is not an object wishes for nothing.

    Raises ValueError naming a wish that is of the wrong kind.
    """
    if not isinstance(mark, Mapping):
        return NO_HINTS
    for key in ("template", "slot"):
        if not isinstance(mark.get(key), str | None):
            raise ValueError(f"burstable.{key} must be a name, not {str(mark[key])[:40]!r}")  # noqa: TRY004
    max_usd = mark.get("max_usd")
    if isinstance(max_usd, str):  # `flux submit --setattr=burstable.max_usd=5` gives a number, a quoted one a text
        max_usd = _number(max_usd)
    if max_usd is not None and (isinstance(max_usd, bool) or not isinstance(max_usd, int | float) or max_usd < 0):
        raise ValueError(f"burstable.max_usd must be a number of dollars, not {str(mark['max_usd'])[:40]!r}")
    return Hints(template=mark.get("template"), slot=mark.get("slot"), max_usd=max_usd)


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _requires(constraint: Mapping[str, Any], name: str) -> bool:
    """Tell whether a constraint (RFC 31) holds only where ranks have a property."""
    return name in constraint.get("properties", ()) or any(_requires(part, name) for part in constraint.get("and", ()))
