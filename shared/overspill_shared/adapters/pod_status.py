"""A pod's JSON, and the events about it, as overspill_shared.pods has them.

Kubernetes spreads why a pod does not run over its conditions, its containers' states and events: here it is gathered.
Nothing is asked of a server here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from overspill_shared.pods import Pod, PodPhase, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MAX_TEXT: Final = 500
_NORMAL_WAITS: Final = frozenset({"ContainerCreating", "PodInitializing", ""})
"""Reasons of a container that waits as it should; what it waits for is in an event, if anywhere."""
_TOLD_EVENTS: Final = frozenset(
    {"Pulling", "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "FailedScheduling", "NetworkNotReady"}
)


def read_pods(items: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]] = ()) -> tuple[Pod, ...]:
    """Give pods, each with what the newest event about it says where its own status says nothing."""
    newest = {event["involvedObject"].get("name"): event for event in sorted(events, key=_time_of)}
    return tuple(_pod(item, newest.get(item["metadata"]["name"])) for item in items)


def is_settled(item: Mapping[str, Any]) -> bool:
    """Tell whether events can add nothing to a pod's own status."""
    return _phase(item) not in (PodPhase.PENDING, PodPhase.UNKNOWN) or _from_containers(item) is not None


def _pod(item: Mapping[str, Any], event: Mapping[str, Any] | None) -> Pod:
    phase = _phase(item)
    trouble = _from_containers(item)
    if trouble is None and phase in (PodPhase.PENDING, PodPhase.UNKNOWN):
        trouble = _from_conditions(item) or _from_event(event)
    return Pod(
        name=item["metadata"]["name"],
        phase=phase,
        is_leaving="deletionTimestamp" in item["metadata"],
        trouble=trouble,
    )


def _phase(item: Mapping[str, Any]) -> PodPhase:
    return PodPhase(_status(item).get("phase", ""))


def _from_containers(item: Mapping[str, Any]) -> Trouble | None:
    """Read containerStatuses[].state.waiting: images that do not come, containers that crash or cannot be made."""
    for container in _containers(item):
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason", "") not in _NORMAL_WAITS:
            return _trouble(waiting["reason"], waiting.get("message") or _last_end(container))
    return None


def _last_end(container: Mapping[str, Any]) -> str:
    ended = (container.get("lastState") or {}).get("terminated") or {}
    return f"{ended.get('reason', 'ended')}, exit code {ended.get('exitCode')}" if ended else ""


def _containers(item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from _status(item).get("initContainerStatuses") or ()
    yield from _status(item).get("containerStatuses") or ()


def _from_conditions(item: Mapping[str, Any]) -> Trouble | None:
    for condition in _status(item).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return _trouble(condition.get("reason") or "Unschedulable", condition.get("message", ""))
    return None


def _from_event(event: Mapping[str, Any] | None) -> Trouble | None:
    if event is None or event.get("reason") not in _TOLD_EVENTS:
        return None
    return _trouble(event["reason"], event.get("message", ""))


def _trouble(reason: str, text: str) -> Trouble:
    return Trouble(reason=reason, text=" ".join(text.split()).rstrip(".")[:MAX_TEXT])


def _status(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return item.get("status") or {}


def _time_of(event: Mapping[str, Any]) -> str:
    """Give when an event was last seen; RFC 3339 texts of one zone sort as times do."""
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return max((time for time in times if time), default="")
