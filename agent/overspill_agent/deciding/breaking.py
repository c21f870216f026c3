"""Where a template may be rented now, after what became of its earlier bursts.

`capacity` makes the zone rest, and the next one is tried. `quota`, `config` and `permission` fail the same way in each
zone until somebody changes something: the template is held. `boot`, `join` and `internal` count towards a breaker of
the template in the zone; once it has rested, one request at a time finds out whether it works again. A success ends it
all. Pure: what is added to a rest, so that many do not come back at once, follows from what is to rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from overspill_agent.deciding.decisions import Code
from overspill_agent.deciding.latency import Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from overspill_agent.deciding.latency import Experience
    from overspill_agent.deciding.policy import Policy

NEEDS_A_PERSON: Final = {
    Outcome.QUOTA: Code.QUOTA,
    Outcome.CONFIG: Code.CONFIG,
    Outcome.PERMISSION: Code.PERMISSION,
}
_REMEDIES: Final = {
    Outcome.QUOTA: "raise the project's quota, or wait until other nodes are gone",
    Outcome.CONFIG: "correct the setting that the agent's log names",
    Outcome.PERMISSION: "give the functions' account the right that the agent's log names",
}
_BREAKING: Final = frozenset({Outcome.BOOT, Outcome.JOIN, Outcome.INTERNAL})
JITTER: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Why a template may not be rented now."""

    code: Code
    reason: str
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A zone where a template may be rented."""

    zone: str
    is_probe: bool = False
    """Whether it is to be tried by one request alone."""


def find_zone(
    template: str,
    zones: Iterable[str],
    history: Iterable[Experience],
    policy: Policy,
    now: float,
    *,
    starting: Collection[tuple[str, str]] = (),
) -> Opening | Rest:
    """Give the first zone where a template may be rented, or why there is none: of what rests, the first to be ready.

    `starting` are the (template, zone) pairs in which a burst is on its way.
    """
    latest_first = sorted((e for e in history if e.template == template), key=lambda e: -e.at)
    if held := _held(latest_first, policy, now):
        return held
    rests: list[Rest] = []
    for zone in zones:
        found = _judge([e for e in latest_first if e.zone == zone], template, zone, policy, now)
        if isinstance(found, Opening):
            if not (found.is_probe and (template, zone) in starting):
                return found
            found = Rest(
                code=Code.BREAKER_OPEN,
                reason=f"one burst of the template {template} is on its way in {zone} to see whether it works again",
                until=now,
            )
        rests.append(found)
    return min(rests, key=lambda rest: (rest.until <= now, rest.until))


def next_opening(
    template: str, zones: Iterable[str], history: Iterable[Experience], policy: Policy, now: float
) -> float | None:
    """Give when (epoch seconds) time alone lets a template be tried where it rests now; None if it does not rest."""
    found = [find_zone(template, [zone], history, policy, now) for zone in zones]
    return min((rest.until for rest in found if isinstance(rest, Rest) and rest.until > now), default=None)


def _held(latest_first: list[Experience], policy: Policy, now: float) -> Rest | None:
    latest = next((e for e in latest_first if e.outcome is Outcome.OK or e.outcome in NEEDS_A_PERSON), None)
    if latest is None or latest.outcome is Outcome.OK:
        return None
    until = latest.at + policy.max_cooldown_s
    if now >= until:
        return None
    return Rest(
        code=NEEDS_A_PERSON[latest.outcome],
        reason=f"the last burst of the template {latest.template} failed in {latest.zone} ({latest.outcome}):"
        f" {_REMEDIES[latest.outcome]}; it is tried again in {until - now:.0f} s",
        until=until,
    )


def _judge(latest_first: list[Experience], template: str, zone: str, policy: Policy, now: float) -> Opening | Rest:
    """Judge a template in a zone by what became of its bursts there since the last that worked."""
    since = []
    for experience in latest_first:
        if experience.outcome is Outcome.OK:
            break
        since.append(experience)
    shortages = [e for e in since if e.outcome is Outcome.CAPACITY]
    if shortages and now < (until := _rested_at(shortages, len(shortages), policy)):
        return Rest(
            code=Code.COOL_DOWN,
            reason=f"{zone} had no nodes for the template {template}; it is tried again in {until - now:.0f} s",
            until=until,
        )
    broken = [e for e in since if e.outcome in _BREAKING]
    if len(broken) < policy.breaker_failures:
        return Opening(zone=zone)
    until = _rested_at(broken, len(broken) - policy.breaker_failures + 1, policy)
    if now >= until:
        return Opening(zone=zone, is_probe=True)
    return Rest(
        code=Code.BREAKER_OPEN,
        reason=f"{len(broken)} bursts of the template {template} failed in {zone} in a row (the last:"
        f" {broken[0].outcome}); one is tried again in {until - now:.0f} s",
        until=until,
    )


def _rested_at(latest_first: list[Experience], times: int, policy: Policy) -> float:
    last = latest_first[0]
    rest_s = min(policy.max_cooldown_s, policy.cooldown_s * 2.0 ** min(times - 1, 30))
    return last.at + rest_s * (1 + JITTER * _share(f"{last.template} {last.zone} {last.at!r}"))


def _share(text: str) -> float:
    """Give a number from 0 to 1 that follows from a text alone."""
    return int.from_bytes(sha256(text.encode()).digest()[:4], "big") / 0xFFFFFFFF
