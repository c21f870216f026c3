"""How objects end: finalizers, ownerReferences, and the contents of namespaces and definitions.

What kube-controller-manager does in a real cluster happens here within the delete itself. Pods end at once: there
is no kubelet to wait for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from overspill_local.kube.objects import ObjectTables, object_key
from overspill_local.kube.resources import KubeObject, ResourceRegistry, ResourceType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PropagationPolicy: TypeAlias = Literal["Background", "Foreground", "Orphan"]

_FOREGROUND = "foregroundDeletion"
_CONTAINERS = frozenset({"Namespace", "CustomResourceDefinition"})

_Found: TypeAlias = tuple[ResourceType, KubeObject]


class Deletion:
    """Deletes objects and what depends on them, and finishes deletions once nothing holds them up."""

    def __init__(self, tables: ObjectTables, registry: ResourceRegistry, now: Callable[[], str]) -> None:
        self._tables = tables
        self._registry = registry
        self._now = now

    def delete(self, resource: ResourceType, obj: KubeObject, policy: PropagationPolicy) -> KubeObject:
        """Delete an object, and return its last state: it may remain, terminating, until its finalizers go."""
        if policy == "Orphan":
            self._orphan_dependents(obj)
        dependents = list(self._dependents(obj)) if policy == "Foreground" else []
        finalizers = list(obj["metadata"].get("finalizers") or ())
        if dependents and _FOREGROUND not in finalizers:
            finalizers.append(_FOREGROUND)
        if not finalizers and resource.kind not in _CONTAINERS:
            return self._remove(resource, obj)
        obj = self._mark(resource, obj, finalizers)
        self._delete_all([*dependents, *self._contents(resource, obj)])
        return self.finish(resource, obj)

    def finish(self, resource: ResourceType, obj: KubeObject) -> KubeObject:
        """Remove a terminating object if nothing holds it up any more; return its last state."""
        current = self._tables.get(resource, object_key(obj))
        if current is None or not current["metadata"].get("deletionTimestamp"):
            return obj
        if current["metadata"].get("finalizers") or any(self._contents(resource, current)):
            return current
        return self._remove(resource, current)

    def collect_if_ownerless(self, resource: ResourceType, obj: KubeObject) -> None:
        """Delete an object whose owners are all gone, as garbage collection would soon do."""
        if obj["metadata"].get("ownerReferences") and not any(self._owners(obj)):
            self.delete(resource, obj, "Background")

    def _mark(self, resource: ResourceType, obj: KubeObject, finalizers: list[str]) -> KubeObject:
        metadata = obj["metadata"]
        if metadata.get("deletionTimestamp") and (metadata.get("finalizers") or []) == finalizers:
            return obj
        marks: KubeObject = {"deletionTimestamp": metadata.get("deletionTimestamp") or self._now()}
        if finalizers:
            marks |= {"finalizers": finalizers, "deletionGracePeriodSeconds": 0}
        if resource.counts_generations:
            marks["generation"] = metadata.get("generation", 0) + 1
        status = {"status": {"phase": "Terminating"}} if resource.kind == "Namespace" else {}
        return self._tables.put(resource, obj | {"metadata": metadata | marks} | status)

    def _remove(self, resource: ResourceType, obj: KubeObject) -> KubeObject:
        gone = self._tables.remove(resource, obj)
        if resource.kind == "CustomResourceDefinition":
            self._registry.remove_definition(obj["metadata"]["name"])
        self._delete_all([found for found in self._dependents(obj) if not any(self._owners(found[1]))])
        for owner_resource, owner in list(self._owners(obj)):
            self._release_foreground(owner_resource, owner)
        for container_resource, container in list(self._containers(resource, obj)):
            self.finish(container_resource, container)
        return gone

    def _delete_all(self, found: list[_Found]) -> None:
        for resource, obj in found:
            current = self._tables.get(resource, object_key(obj))
            if current is not None and not current["metadata"].get("deletionTimestamp"):
                self.delete(resource, current, "Background")

    def _release_foreground(self, resource: ResourceType, owner: KubeObject) -> None:
        finalizers = owner["metadata"].get("finalizers") or []
        if _FOREGROUND in finalizers and not any(self._dependents(owner)):
            rest = [each for each in finalizers if each != _FOREGROUND]
            self.finish(resource, self._tables.put(resource, _with_metadata(owner, "finalizers", rest)))

    def _orphan_dependents(self, owner: KubeObject) -> None:
        for resource, obj in list(self._dependents(owner)):
            references = obj["metadata"]["ownerReferences"]
            rest = [each for each in references if each["uid"] != owner["metadata"]["uid"]]
            self._tables.put(resource, _with_metadata(obj, "ownerReferences", rest))

    def _everything(self) -> Iterator[_Found]:
        for resource in {each.key: each for each in self._registry}.values():
            for obj in self._tables.of_kind(resource):
                yield resource, obj

    def _dependents(self, owner: KubeObject) -> Iterator[_Found]:
        uid = owner["metadata"]["uid"]
        return (found for found in self._everything() if uid in _owner_uids(found[1]))

    def _owners(self, obj: KubeObject) -> Iterator[_Found]:
        uids = _owner_uids(obj)
        return (found for found in self._everything() if uids and found[1]["metadata"]["uid"] in uids)

    def _contents(self, resource: ResourceType, container: KubeObject) -> Iterator[_Found]:
        return (found for found in self._everything() if _holds((resource, container), found))

    def _containers(self, resource: ResourceType, obj: KubeObject) -> Iterator[_Found]:
        return (found for found in self._everything() if _holds(found, (resource, obj)))


def _holds(container: _Found, content: _Found) -> bool:
    """Whether one object is the namespace, or the definition, that the other lives in."""
    (container_resource, holder), (resource, obj) = container, content
    name: str = holder["metadata"]["name"]
    match container_resource.kind:
        case "Namespace":
            return bool(obj["metadata"].get("namespace") == name)
        case "CustomResourceDefinition":
            return resource.definition == name
        case _:
            return False


def _owner_uids(obj: KubeObject) -> frozenset[str]:
    return frozenset(each["uid"] for each in obj["metadata"].get("ownerReferences") or ())


def _with_metadata(obj: KubeObject, name: str, value: list[object]) -> KubeObject:
    """Return the object with one list of its metadata replaced; an empty list is left out."""
    metadata = {key: each for key, each in obj["metadata"].items() if key != name}
    return obj | {"metadata": metadata | ({name: value} if value else {})}
