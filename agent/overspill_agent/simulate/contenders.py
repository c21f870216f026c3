"""The policies that are compared, as `--policy` spells them: never, always, break-even, and variants of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from overspill_agent.policy_settings import PolicySettings
from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from overspill_agent.deciding.policy import Policy

NEVER: Final = "never"
"""Without slots: jobs wait, or are refused, as if there were no agent."""
ALWAYS: Final = "always"
"""Whatever does not start now bursts."""
BREAK_EVEN: Final = "break-even"
DEFAULTS: Final = (NEVER, ALWAYS, BREAK_EVEN)
NO_WAIT_IS_SHORTER_S: Final = -1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One policy of a comparison."""

    name: str
    policy: Policy
    has_slots: bool = True


def parse_contender(text: str) -> Contender:
    """Read `NAME` or `NAME:key=value,…`; the keys are those of the agent's settings.

    Jobs may pass others that they do not delay, unless it says `backfill=false`: the schedulers of most logs let them.

    Raises ConfigError naming the key that is wrong.

    >>> parse_contender("break-even:idle_timeout_s=300").policy.idle_timeout_s
    300.0
    """
    base, _, tail = text.partition(":")
    if base not in DEFAULTS:
        raise _wrong(text, f"there is no policy {base!r}, there are {', '.join(DEFAULTS)}")
    values: dict[str, Any] = {"backfill": True}
    for pair in filter(None, tail.split(",")):
        key, equals, value = pair.partition("=")
        if not equals:
            raise _wrong(text, f"{key!r} has no value")
        values[key] = None if value == "none" else value
    try:
        policy = PolicySettings(**values).policy()
    except ValidationError as exc:
        problem = exc.errors(include_url=False, include_input=False)[0]
        raise _wrong(text, ": ".join([*map(str, problem["loc"]), problem["msg"]])) from None
    if base == ALWAYS and "wait_margin_s" not in values:
        policy = replace(policy, wait_margin_s=NO_WAIT_IS_SHORTER_S)
    return Contender(name=text, policy=policy, has_slots=base != NEVER)


def _wrong(text: str, problem: str) -> ConfigError:
    return ConfigError(
        f"--policy {text[:120]}: {problem}.",
        remedy="Write never, always or break-even, or a variant such as break-even:idle_timeout_s=300,keep_warm_s=900;"
        " docs/settings.md has the keys.",
        code="simulate-policy",
    )
