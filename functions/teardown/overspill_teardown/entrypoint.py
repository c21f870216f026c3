"""The teardown function: the one place that knows which adapters stand behind which ports.

Nothing happens at import but the registration of the function: settings are read and clients made with the first
message, and kept for the life of the process. No rule stands here.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import functions_framework

from overspill_shared import log
from overspill_shared.adapters.push_answer import answered
from overspill_shared.adapters.system_clock import SystemClock
from overspill_shared.delivery import Inbox
from overspill_shared.function_settings import load_for_function
from overspill_shared.messages import TeardownRequest
from overspill_teardown.apply import Policy, Ports
from overspill_teardown.apply import teardown as apply_request
from overspill_teardown.settings import TeardownSettings

# ruff: noqa: PLC0415 - SDKs are imported where they are needed, for a quick cold start

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudevents.http import CloudEvent


@functions_framework.cloud_event  # type: ignore[untyped-decorator] # it has no types
def teardown(event: CloudEvent) -> None:
    """Handle one TeardownRequest: return is an ack, 503 is "not yet"."""
    with answered():
        _handler()(event.data)


@functools.cache
def _handler() -> Callable[[Any], None]:
    """Read the settings, make the clients, and give what handles a message's envelope.

    Raises ConfigError.
    """
    log.setup()
    settings = load_for_function(TeardownSettings, os.environ)
    log.setup(level=settings.log_level)
    policy = Policy(deployment=settings.deployment, budget_s=settings.budget_s, poll_s=settings.poll_s)
    ports = _ports(settings)
    inbox = Inbox(deployment=settings.deployment, publisher=_publisher(settings), clock=ports.clock)
    return functools.partial(
        inbox.deliver, TeardownRequest, handle=functools.partial(apply_request, ports=ports, policy=policy)
    )


def _ports(settings: TeardownSettings) -> Ports:
    from overspill_shared.adapters.gcp_clients import cluster_manager_client
    from overspill_shared.adapters.gke import GkeClusters

    return Ports(clusters=GkeClusters(cluster_manager_client(os.environ), settings.clusters_in), clock=SystemClock())


def _publisher(settings: TeardownSettings) -> Any:
    from overspill_shared.adapters.pubsub_publisher import PubSubPublisher

    return PubSubPublisher(settings.project)
