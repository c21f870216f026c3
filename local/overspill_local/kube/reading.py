"""Requests that change nothing: get, list, and the log of a pod.

A request and the store in, a reply out; watches are in `watching`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from overspill_local.kube.requests import ResourceRequest, continue_token, parse_continue
from overspill_local.kube.scale import read_scale

if TYPE_CHECKING:
    from overspill_local.kube.resources import KubeObject
    from overspill_local.kube.store import KubeStore

PodLogReader: TypeAlias = Callable[[str, str], str]
"""Returns what the pod (namespace, name) has written so far."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer: JSON, or plain text where the body is a string."""

    body: KubeObject | str
    code: int = 200


def read(store: KubeStore, request: ResourceRequest, read_pod_log: PodLogReader) -> Reply:
    """Answer a GET that is no watch; raises ApiError."""
    if request.name is None:
        return Reply(_page(store, request))
    obj = store.get(request.resource, request.namespace, request.name)
    match request.subresource:
        case "log":
            return Reply(_tail(read_pod_log(request.namespace or "", request.name), request))
        case "scale":
            return Reply(read_scale(request.resource, obj))
        case _:
            return Reply(obj)


def _tail(text: str, request: ResourceRequest) -> str:
    if not request.query.get("tailLines"):
        return text
    lines = text.splitlines(keepends=True)
    count = request.number("tailLines", 0)
    return "".join(lines[len(lines) - min(count, len(lines)) :])


def _page(store: KubeStore, request: ResourceRequest) -> KubeObject:
    matches = request.matcher()
    found = [obj for obj in store.list_objects(request.resource, request.namespace) if matches(obj)]
    if token := request.query.get("continue"):
        after = parse_continue(token)
        found = [obj for obj in found if (obj["metadata"].get("namespace", ""), obj["metadata"]["name"]) > after]
    page = found[: request.number("limit", 0) or None]
    metadata: dict[str, Any] = {"resourceVersion": str(store.revision)}
    if rest := len(found) - len(page):
        metadata |= {"continue": continue_token(page[-1]), "remainingItemCount": rest}
    return object_list(request, page, metadata)


def object_list(request: ResourceRequest, items: list[KubeObject], metadata: KubeObject) -> KubeObject:
    """Return a list of the request's kind."""
    kind = request.resource
    return {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": metadata, "items": items}
