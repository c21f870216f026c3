"""The provision function: the one place that knows which adapters stand behind which ports.

Nothing happens at import but the registration of the function: settings are read and clients made with the first
message, and kept for the life of the process. No rule stands here.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import functions_framework

from overspill_provision.apply import Policy, Ports
from overspill_provision.apply import provision as apply_request
from overspill_provision.limits import Limits
from overspill_provision.settings import ProvisionSettings
from overspill_shared import log
from overspill_shared.adapters.push_answer import answered
from overspill_shared.adapters.system_clock import SystemClock
from overspill_shared.delivery import Inbox
from overspill_shared.errors import ConfigError
from overspill_shared.function_settings import load_for_function
from overspill_shared.messages import BurstRequest
from overspill_shared.sealing import check_private_keys
from overspill_shared.secrets import Secret

# ruff: noqa: PLC0415 - SDKs are imported where they are needed, for a quick cold start

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cloudevents.http import CloudEvent

    from overspill_shared.reporting import Reporter


@functions_framework.cloud_event  # type: ignore[untyped-decorator] # it has no types
def provision(event: CloudEvent) -> None:
    """Handle one BurstRequest: return is an ack, 503 is "not yet"."""
    with answered():
        _handler()(event.data)


@functools.cache
def _handler() -> Callable[[Any], None]:
    """Read the settings, make the clients, and give what handles a message's envelope.

    Raises ConfigError.
    """
    log.setup()
    settings = load_for_function(ProvisionSettings, os.environ)
    log.setup(level=settings.log_level)
    _policy(settings)  # what is wrong with it is said at once
    ports = _ports(settings)
    inbox = Inbox(deployment=settings.deployment, publisher=_publisher(settings), clock=ports.clock)

    def handle(request: BurstRequest, reporter: Reporter) -> None:
        apply_request(request, reporter, ports=ports, policy=_policy(settings))

    return functools.partial(inbox.deliver, BurstRequest, handle=handle)


def _policy(settings: ProvisionSettings) -> Policy:
    """Give what the deployment says, as of now: a key file is read for each message, so that keys rotate in place."""
    return Policy(
        limits=limits_of(settings),
        private_keys=_read_private_keys(settings),
        deadman_image=settings.deadman_image,
        budget_s=settings.budget_s,
        poll_s=settings.poll_s,
    )


def limits_of(settings: ProvisionSettings) -> Limits:
    """Give what the settings allow."""
    return Limits(
        deployment=settings.deployment,
        machine_types=settings.allowed_machine_types,
        images=settings.allowed_images,
        zones=settings.allowed_zones,
        lead_ranges=settings.allowed_lead_ranges,
        lead_names=settings.allowed_lead_names,
        max_nodes_per_burst=settings.max_nodes_per_burst,
        max_bursts=settings.max_bursts,
        max_lifetime_s=settings.max_lifetime_s,
        max_message_age_s=settings.max_message_age_s,
        stockout_timeout_s=settings.stockout_timeout_s,
    )


def _ports(settings: ProvisionSettings) -> Ports:
    from overspill_shared.adapters.cluster_access import open_access

    clock = SystemClock()
    access = open_access(settings, os.environ, clock, site=settings.gke_site())
    return Ports(
        clusters=access.clusters,
        connect=access.connect,
        operator=functools.cache(functools.partial(_load_operator, settings)),
        clock=clock,
    )


def _publisher(settings: ProvisionSettings) -> Any:
    from overspill_shared.adapters.pubsub_publisher import PubSubPublisher

    return PubSubPublisher(settings.project)


def _load_operator(settings: ProvisionSettings) -> tuple[dict[str, Any], ...]:
    from overspill_provision.operator_install import prepare_operator
    from overspill_shared.adapters.operator_manifest import load_operator_manifest

    if not settings.operator_manifest:
        return ()
    documents = load_operator_manifest(settings.operator_manifest, settings.operator_manifest_sha256)
    return prepare_operator(documents, image=settings.operator_image)


def _read_private_keys(settings: ProvisionSettings) -> Secret:
    """Give the private keys' text.

    Raises ConfigError if there is none.
    """
    if settings.private_key is not None:
        keys = Secret(settings.private_key.get_secret_value().encode())
    elif settings.private_key_file is not None:
        keys = _read_file(settings.private_key_file)
    else:
        keys = Secret(b"")
    check_private_keys(keys)
    return keys


def _read_file(path: Path) -> Secret:
    try:
        return Secret(path.read_bytes())
    except OSError as exc:
        raise ConfigError(
            f"private_key_file {path}: {exc.strerror}.",
            remedy="Correct the path, or mount the secret there.",
            code="private-key",
        ) from None
