"""Where objects are kept: tables by kind, one revision counter over all, a journal of each kind.

No rule lives here: whether a change is allowed, and what follows from it, is for `store` and `deletion`.
Objects in the tables are never changed in place; a change puts a new one in.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from overspill_local.kube.journal import Change, ChangeType, Journal

if TYPE_CHECKING:
    from overspill_local.kube.resources import GroupResource, KubeObject, ResourceType

ObjectKey: TypeAlias = tuple[str, str]
"""Namespace (empty for a cluster-wide object) and name."""

_FIRST_REVISION = 1000


def object_key(obj: KubeObject) -> ObjectKey:
    """Return what an object is kept under."""
    return (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])


class ObjectTables:
    """All objects of one cluster, and what happened to them."""

    def __init__(self, journal_capacity: int) -> None:
        self._tables: dict[GroupResource, dict[ObjectKey, KubeObject]] = defaultdict(dict)
        self._journals: dict[GroupResource, Journal] = defaultdict(lambda: Journal(journal_capacity))
        self.revision = _FIRST_REVISION

    def get(self, resource: ResourceType, key: ObjectKey) -> KubeObject | None:
        """Return an object, or None; not to be changed in place."""
        return self._tables[resource.key].get(key)

    def of_kind(self, resource: ResourceType) -> list[KubeObject]:
        """Return the objects of a kind, by namespace and name; not to be changed in place."""
        table = self._tables[resource.key]
        return [table[key] for key in sorted(table)]

    def journal(self, resource: ResourceType) -> Journal:
        """Return what happened to the objects of a kind."""
        return self._journals[resource.key]

    def wake_watchers(self) -> None:
        """Wake whoever waits on any journal."""
        for journal in self._journals.values():
            journal.wake()

    def put(self, resource: ResourceType, obj: KubeObject) -> KubeObject:
        """Keep `obj`, in place of what had its key, and return it with its new resourceVersion."""
        before = self.get(resource, object_key(obj))
        return self._record(resource, "ADDED" if before is None else "MODIFIED", obj, before)

    def remove(self, resource: ResourceType, obj: KubeObject) -> KubeObject:
        """Forget `obj`, and return it with the resourceVersion of its end."""
        before = self._tables[resource.key].pop(object_key(obj))
        return self._record(resource, "DELETED", obj, before)

    def _record(
        self, resource: ResourceType, change: ChangeType, obj: KubeObject, before: KubeObject | None
    ) -> KubeObject:
        self.revision += 1
        obj = obj | {"metadata": obj["metadata"] | {"resourceVersion": str(self.revision)}}
        if change != "DELETED":
            self._tables[resource.key][object_key(obj)] = obj
        self._journals[resource.key].append(Change(self.revision, change, obj, before))
        return obj
