"""Asking Pub/Sub what the agent may do there: the only module of the doctor that knows Google's client.

Nothing is published, nothing is pulled, nothing is made. What the answers mean stands in `pubsub_checks`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors
from google.cloud import pubsub_v1

from overspill_agent.doctor.examination import Access, PubSubResource, PubSubRights
from overspill_agent.doctor.pubsub_checks import CONSUME, PUBLISH
from overspill_shared import names
from overspill_shared.adapters.credentials import credentials_needed
from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_S: Final = 10.0
PUBLISHED_TO: Final = (names.TOPIC_REQUESTS, names.TOPIC_TEARDOWNS, names.TOPIC_LEASES)
"""The topics that an agent publishes to."""


def probe(project: str, lead_id: str, *, is_emulator: bool) -> PubSubRights:
    """Ask for the agent's rights on its topics and its subscription; says why if nothing can be asked."""
    try:
        with credentials_needed():
            publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
    except ConfigError as exc:
        return PubSubRights(skipped=f"Pub/Sub was not asked: {exc.text}")
    try:
        topics = tuple(_ask_topic(publisher, publisher.topic_path(project, topic)) for topic in PUBLISHED_TO)
        path = subscriber.subscription_path(project, names.events_subscription(lead_id))
        return PubSubRights(resources=(*topics, _ask_subscription(subscriber, path)), is_emulator=is_emulator)
    finally:
        publisher.stop()
        publisher.transport.close()
        subscriber.close()


def _ask_topic(client: Any, path: str) -> PubSubResource:
    def get() -> None:
        client.get_topic(request={"topic": path}, timeout=TIMEOUT_S, retry=None)

    return _ask(client, path, PUBLISH, get)


def _ask_subscription(client: Any, path: str) -> PubSubResource:
    def get() -> None:
        client.get_subscription(request={"subscription": path}, timeout=TIMEOUT_S, retry=None)

    return _ask(client, path, CONSUME, get)


def _ask(client: Any, path: str, permission: str, get: Callable[[], None]) -> PubSubResource:
    access, detail = Access.UNKNOWN, ""
    try:
        access = _test(client, path, permission, get)
    except google_errors.NotFound:
        access = Access.MISSING
    except google_errors.PermissionDenied as exc:
        access, detail = Access.REFUSED, str(exc.message)
    except (google_errors.GoogleAPICallError, google_errors.RetryError, auth_errors.GoogleAuthError) as exc:
        detail = f"{type(exc).__name__}: {exc}"
    return PubSubResource(path=path, permission=permission, access=access, detail=detail)


def _test(client: Any, path: str, permission: str, get: Callable[[], None]) -> Access:
    """Test a right. Google gives no rights, and no error, for what does not exist: only `get` tells the two apart."""
    request = {"resource": path, "permissions": [permission]}
    try:
        granted = client.test_iam_permissions(request=request, timeout=TIMEOUT_S, retry=None).permissions
    except google_errors.MethodNotImplemented:
        get()
        return Access.EXISTS
    if permission in granted:
        return Access.GRANTED
    get()
    return Access.REFUSED
