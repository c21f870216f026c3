"""The teardown function: the one place that knows which adapters stand behind which ports.

Nothing happens at import but the registration of the function: settings are read and clients made with the first
message, and kept for the life of the process. No rule stands here.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any, Final

import functions_framework

from overspill_shared import log
from overspill_shared.adapters.push_answer import answered
from overspill_shared.adapters.system_clock import SystemClock
from overspill_shared.delivery import Asking, Inbox, Telling
from overspill_shared.envelope import topic_of_source
from overspill_shared.function_settings import load_for_function
from overspill_shared.messages import LeaseRenewal, Sweep, TeardownRequest
from overspill_teardown.apply import Policy, Ports
from overspill_teardown.apply import teardown as apply_request
from overspill_teardown.renewing import renew
from overspill_teardown.settings import TeardownSettings
from overspill_teardown.sweeping import sweep

# ruff: noqa: PLC0415 - SDKs are imported where they are needed, for a quick cold start

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudevents.http import CloudEvent

CLUSTER_RETRY_S: Final = 2.0
"""A cluster's API that cannot be reached is given up soon: bursts can be judged, and removed, without it."""


@functions_framework.cloud_event  # type: ignore[untyped-decorator] # it has no types
def teardown(event: CloudEvent) -> None:
    """Handle a TeardownRequest, a LeaseRenewal or a Sweep: return is an ack, 503 is "not yet"."""
    with answered():
        _handler()(event.data, topic=topic_of_source(event["source"]))


@functools.cache
def _handler() -> Callable[..., None]:
    """Read the settings, make the clients, and give what handles a message's envelope.

    Raises ConfigError.
    """
    log.setup()
    settings = load_for_function(TeardownSettings, os.environ)
    log.setup(level=settings.log_level)
    policy = Policy(
        deployment=settings.deployment,
        budget_s=settings.budget_s,
        poll_s=settings.poll_s,
        forgotten_after_s=settings.forgotten_after_s,
    )
    ports, publisher = _ports(settings), _publisher(settings)
    inbox = Inbox(deployment=settings.deployment, publisher=publisher, clock=ports.clock)
    look_around = functools.partial(sweep, ports=ports, policy=policy, publisher=publisher)
    routes = (
        Asking(model=TeardownRequest, handle=functools.partial(apply_request, ports=ports, policy=policy)),
        Telling(model=LeaseRenewal, handle=functools.partial(renew, ports=ports, policy=policy)),
        Telling(model=Sweep, handle=look_around),
    )
    return functools.partial(inbox.deliver_one_of, routes)


def _ports(settings: TeardownSettings) -> Ports:
    from overspill_shared.adapters.cluster_access import open_access

    clock = SystemClock()
    access = open_access(settings, os.environ, clock, retry_for_s=CLUSTER_RETRY_S)
    return Ports(clusters=access.clusters, connect=access.connect, clock=clock)


def _publisher(settings: TeardownSettings) -> Any:
    from overspill_shared.adapters.pubsub_publisher import PubSubPublisher

    return PubSubPublisher(settings.project)
