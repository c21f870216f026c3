"""Watches: what a stream of changes shows, where it starts, and when it ends.

Which connection carries the stream is for `http`.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from overspill_local.kube.errors import ApiError, FieldError, expired
from overspill_local.kube.journal import Change, RevisionExpiredError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from overspill_local.kube.requests import ResourceRequest
    from overspill_local.kube.resources import KubeObject, ResourceType
    from overspill_local.kube.store import KubeStore

_DEFAULT_TIMEOUT_S = 1800
_INITIAL_EVENTS_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """What to show, from where, and for how long."""

    resource: ResourceType
    matches: Callable[[KubeObject], bool]
    since: int | None
    """Revision after which to start; None to show what exists first."""
    ends_initial_events: bool
    """Whether a bookmark is to say that everything that exists has been shown."""
    timeout_s: float


def watch_options(request: ResourceRequest) -> WatchOptions:
    """Return what a watch request asks for; raises ApiError if it does so badly."""
    sends_initial_events = request.flag("sendInitialEvents")
    if sends_initial_events and request.query.get("resourceVersionMatch") != "NotOlderThan":
        why = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise _invalid_options(FieldError("resourceVersionMatch", "FieldValueForbidden", why))
    revision = request.number("resourceVersion", 0)
    return WatchOptions(
        resource=request.resource,
        matches=request.matcher(),
        since=None if sends_initial_events or not revision else revision,
        ends_initial_events=sends_initial_events and request.flag("allowWatchBookmarks"),
        timeout_s=request.number("timeoutSeconds", 0) or _DEFAULT_TIMEOUT_S,
    )


def _invalid_options(error: FieldError) -> ApiError:
    details = {"group": "meta.k8s.io", "kind": "ListOptions", "causes": [error.cause()]}
    return ApiError(422, "Invalid", f'ListOptions.meta.k8s.io "" is invalid: {error}', details)


async def watch(
    store: KubeStore, options: WatchOptions, is_stopping: Callable[[], bool]
) -> AsyncIterator[dict[str, Any]]:
    """Yield watch events until the time is up, the server stops, or the journal no longer reaches back."""
    revision = store.revision if options.since is None else options.since
    if options.since is None:
        for event in _initial_events(store, options):
            yield event
    journal = store.journal(options.resource)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + options.timeout_s
    while not is_stopping() and loop.time() < deadline:
        grown = journal.grown()
        try:
            changes = journal.since(revision)
        except RevisionExpiredError as error:
            yield {"type": "ERROR", "object": expired(error.revision, error.oldest).status()}
            return
        for change in changes:
            revision = change.revision
            if (shown := visible_event(change, options.matches)) is not None:
                yield shown
        if not changes:
            await _wait_until(grown, deadline)


def _initial_events(store: KubeStore, options: WatchOptions) -> list[dict[str, Any]]:
    objects = store.list_objects(options.resource)
    events: list[dict[str, Any]] = [{"type": "ADDED", "object": obj} for obj in objects if options.matches(obj)]
    if options.ends_initial_events:
        metadata = {"resourceVersion": str(store.revision), "annotations": {_INITIAL_EVENTS_END: "true"}}
        identity = {"kind": options.resource.kind, "apiVersion": options.resource.api_version}
        events.append({"type": "BOOKMARK", "object": {**identity, "metadata": metadata}})
    return events


def visible_event(change: Change, matches: Callable[[KubeObject], bool]) -> dict[str, Any] | None:
    """Return what a watch with a selector shows of a change, or None.

    An object that comes to match is added, one that ceases to is deleted, in its last matching state.
    """
    was_shown = change.before is not None and matches(change.before)
    is_shown = change.type != "DELETED" and matches(change.obj)
    if is_shown:
        return {"type": "MODIFIED" if was_shown else "ADDED", "object": change.obj}
    if not was_shown or change.before is None:
        return None
    metadata = change.before["metadata"] | {"resourceVersion": str(change.revision)}
    return {"type": "DELETED", "object": change.before | {"metadata": metadata}}


async def _wait_until(event: asyncio.Event, deadline: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(deadline):
            await event.wait()
