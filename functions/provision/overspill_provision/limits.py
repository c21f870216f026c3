"""What this deployment allows, whatever a message asks for.

Values in; a refusal that names the field and the limit, or nothing. Whether a message hangs together is checked by
`guardrails`, and whether the cloud can fulfil it is not asked at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Final

from overspill_shared import names
from overspill_shared.clusters import ClusterStatus
from overspill_shared.errors import LimitReached, RequestRefused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overspill_shared.clusters import Cluster
    from overspill_shared.messages import BurstRequest

CLOCK_SKEW_S: Final = 300.0
"""A lead's clock may be ahead of ours by so much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one deployment allows; patterns are shell-style (`c2-*`), and an empty tuple of images allows any."""

    deployment: str
    machine_types: tuple[str, ...]
    images: tuple[str, ...]
    zones: tuple[str, ...]
    lead_ranges: tuple[IPv4Network | IPv6Network, ...]
    lead_names: tuple[str, ...]
    max_nodes_per_burst: int
    max_bursts: int
    max_lifetime_s: float
    max_message_age_s: float
    stockout_timeout_s: float
    """A cluster that is not up so long after its creation counts as a stock-out."""


def check_limits(request: BurstRequest, limits: Limits) -> None:
    """Check what a request asks for; the result is the same at any time.

    Raises RequestRefused.
    """
    _check_size(request, limits)
    _check_pattern("template.machine_type", request.template.machine_type, "machine_types", limits.machine_types)
    _check_pattern("zone", request.zone, "zones", limits.zones)
    _check_images(request, limits)
    _check_lead(request.lead.host, limits)


def check_times(request: BurstRequest, limits: Limits, now: float) -> None:
    """Check a request that would make something new against the time.

    A request whose burst exists is not checked again: it was, and a late duplicate is no violation.
    Raises RequestRefused.
    """
    age_s = now - request.requested_at
    if age_s > limits.max_message_age_s:
        raise RequestRefused(
            f"requested_at is {age_s:.0f} s ago, this deployment's max_message_age_s is {limits.max_message_age_s:g}.",
            remedy="Let the agent decide again; look why its message was not delivered for so long.",
            code="message-age",
        )
    if age_s < -CLOCK_SKEW_S:
        raise RequestRefused(
            f"requested_at is {-age_s:.0f} s in the future.",
            remedy="Set the clock of the lead's host.",
            code="message-age",
        )
    lifetime_s = request.hard_end_at - now
    if lifetime_s <= 0:
        raise RequestRefused(
            f"hard_end_at was {-lifetime_s:.0f} s ago: nothing of the burst may exist any more.",
            remedy="Let the agent decide again.",
            code="hard-end",
        )
    if lifetime_s > limits.max_lifetime_s:
        raise RequestRefused(
            f"hard_end_at is in {lifetime_s:.0f} s, this deployment's max_lifetime_s is {limits.max_lifetime_s:g}.",
            remedy="Lower the agent's max_lifetime_s, or have the deployment's raised.",
            code="max-lifetime",
        )


def check_room(clusters: Iterable[Cluster], limits: Limits) -> None:
    """Check that one more burst fits beside the clusters that exist, those on their way among them.

    Raises LimitReached.
    """
    others = len(_bursts(clusters, limits.deployment))
    if others >= limits.max_bursts:
        raise _too_many(others, limits)


def check_still_room(cluster: Cluster, clusters: Iterable[Cluster], limits: Limits) -> None:
    """Check that a cluster which was just made is not one too many: several functions may have found the same room.

    They all see the same order, by age and then name, so exactly the surplus gives way (ADR 0005).
    Raises LimitReached.
    """
    own = (cluster.created_at, cluster.name)
    before = sum((other.created_at, other.name) < own for other in _bursts(clusters, limits.deployment))
    if before >= limits.max_bursts:
        raise _too_many(before, limits)


def _bursts(clusters: Iterable[Cluster], deployment: str) -> tuple[Cluster, ...]:
    """Give the clusters that count: this deployment's, but for those that are being deleted."""
    return tuple(
        cluster
        for cluster in clusters
        if cluster.status is not ClusterStatus.STOPPING
        and names.is_ours(cluster.name, cluster.labels, deployment=deployment)
    )


def _too_many(number: int, limits: Limits) -> LimitReached:
    return LimitReached(
        f"{number} bursts exist, this deployment's max_bursts is {limits.max_bursts}.",
        remedy="Wait until one has ended, or have max_bursts raised.",
        code="max-bursts",
    )


def _check_size(request: BurstRequest, limits: Limits) -> None:
    if request.size > limits.max_nodes_per_burst:
        raise RequestRefused(
            f"size is {request.size}, this deployment's max_nodes_per_burst is {limits.max_nodes_per_burst}.",
            remedy="Ask for fewer nodes, or have max_nodes_per_burst raised.",
            code="max-nodes-per-burst",
        )


def _check_pattern(field: str, value: str, setting: str, patterns: tuple[str, ...]) -> None:
    if not any(fnmatchcase(value, pattern) for pattern in patterns):
        raise RequestRefused(
            f"{field} is {value}, this deployment's allowed_{setting} are {_listed(patterns)}.",
            remedy=f"Use one of them, or have it added to allowed_{setting}.",
            code=setting.removesuffix("s").replace("_", "-"),
        )


def _check_images(request: BurstRequest, limits: Limits) -> None:
    images = {
        "template.app_image": request.template.app_image,
        "runtime.app_image": request.runtime.app_image,
        "runtime.view_image": request.runtime.view_image,
    }
    for field, image in images.items():
        if image and limits.images and not any(_is_within(image, allowed) for allowed in limits.images):
            raise RequestRefused(
                f"{field} is {image}, this deployment's allowed_images are {_listed(limits.images)}.",
                remedy="Use one of them, or have its registry path or digest added to allowed_images.",
                code="image",
            )


def _is_within(image: str, allowed: str) -> bool:
    """Tell whether an image is the allowed one, or one below it: `x/y` allows `x/y:1` and `x/y/z`, but no `x/yz`."""
    if "@" in allowed:
        return image == allowed
    return image == allowed or image.startswith(tuple(f"{allowed.removesuffix('/')}{mark}" for mark in "/:@"))


def _check_lead(host: str, limits: Limits) -> None:
    address = _address(host)
    if address is None:
        if any(fnmatchcase(host.lower(), pattern.lower()) for pattern in limits.lead_names):
            return
        raise RequestRefused(
            f"lead.host is the name {host}, this deployment's allowed_lead_names are {_listed(limits.lead_names)}.",
            remedy="Give the lead's address as a number, or have the name added to allowed_lead_names.",
            code="lead-host",
        )
    if not any(address in network for network in limits.lead_ranges):
        raise RequestRefused(
            f"lead.host is {host}, this deployment's allowed_lead_ranges are {_listed(limits.lead_ranges)}.",
            remedy="Reach the lead through one of them, or have its address added to allowed_lead_ranges.",
            code="lead-host",
        )


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """Give the address that a host is, or None if it is a name. An IPv4 address in IPv6's clothes is an IPv4 one."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _listed(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values) or "none"
