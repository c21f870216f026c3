"""What a request must be to be fulfilled at all, whatever it says of itself.

Values in; a refusal that names the field and what is wrong with it, or nothing. Here stands whether a message hangs
together; what a deployment allows stands in `limits`. Whether the cloud can fulfil it is not asked here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from overspill_provision.limits import check_limits
from overspill_shared import broker_toml, hostlist, names
from overspill_shared.errors import RequestRefused

if TYPE_CHECKING:
    from overspill_provision.limits import Limits
    from overspill_shared.messages import BurstRequest, Slot


def check_request(request: BurstRequest, limits: Limits) -> None:
    """Check a request against the limits and against itself.

    Raises RequestRefused.
    """
    _check_deployment(request, limits)
    _check_burst_id(request)
    check_limits(request, limits)
    _check_size(request)
    _check_times(request)
    _check_slot_hosts(request.slot)
    broker_toml.check_burst_config(
        request.broker_toml,
        lead_name=request.lead.name,
        host=request.lead.host,
        port=request.lead.port,
        slot_hosts=request.slot.hosts,
    )


def _check_deployment(request: BurstRequest, limits: Limits) -> None:
    if request.deployment != limits.deployment:
        raise RequestRefused(
            f"deployment is {request.deployment}, this function's is {limits.deployment}.",
            remedy="Let the agent publish to its own deployment's topics.",
            code="deployment",
        )


def _check_burst_id(request: BurstRequest) -> None:
    expected = names.burst_id(request.identity())
    if request.burst_id != expected:
        raise RequestRefused(
            f"burst_id is {request.burst_id}, the message's content gives {expected}.",
            remedy="Install agent and functions of the same release; a changed message is never fulfilled.",
            code="burst-id",
        )


def _check_size(request: BurstRequest) -> None:
    if request.size > request.slot.size:
        raise RequestRefused(
            f"size is {request.size}, the slot {request.slot.name} has {request.slot.size} ranks.",
            remedy="Ask for at most the slot's size.",
            code="slot-size",
        )


def _check_times(request: BurstRequest) -> None:
    """Nothing may be promised for after the hard end."""
    for field in ("expires_at", "deadline_at"):
        if getattr(request, field) > request.hard_end_at:
            raise RequestRefused(
                f"{field} is later than hard_end_at.",
                remedy="Keep the agent's lease_s and join_timeout_s below its max_lifetime_s.",
                code="times",
            )


def _check_slot_hosts(slot: Slot) -> None:
    """A pod's host name is `<slot.name>-<index>`: any other name in the lead's hostlist would never come."""
    try:
        hosts = hostlist.expand(slot.hosts)
    except ValueError as exc:
        raise RequestRefused(f"slot.hosts: {exc}.", remedy="Write it as RFC 29 has it.", code="slot-hosts") from None
    if len(hosts) != slot.size:
        raise RequestRefused(
            f"slot.hosts has {len(hosts)} hosts, slot.size is {slot.size}.",
            remedy="Declare as many hosts as the slot has ranks.",
            code="slot-hosts",
        )
    wrong = [host for index, host in enumerate(hosts) if host != f"{slot.name}-{index}"]
    if wrong:
        raise RequestRefused(
            f"slot.hosts has {wrong[0]}, but pods are called {slot.name}-0 to {slot.name}-{slot.size - 1}, in order.",
            remedy="Declare the slot's hosts under the names that its pods will have.",
            code="slot-hosts",
        )
