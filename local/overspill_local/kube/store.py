"""The objects of one cluster and the rules by which they change: create, update, delete.

In process, and synchronous: whoever holds the event loop sees each change as one step. Requests, patches and
watches are in their own modules, HTTP is in `http`.
"""

from __future__ import annotations

import copy
import random
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from overspill_local.kube.admission import admit
from overspill_local.kube.definitions import declared_resources, established
from overspill_local.kube.deletion import Deletion, PropagationPolicy
from overspill_local.kube.errors import (
    FieldError,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    not_found,
    unknown_path,
)
from overspill_local.kube.metadata import generated_name
from overspill_local.kube.objects import ObjectTables
from overspill_local.kube.ownership import Manager, Stamp, ownership_after_update, write_ownership
from overspill_local.kube.resources import KubeObject, ResourceRegistry, ResourceType

if TYPE_CHECKING:
    from collections.abc import Callable

    from overspill_local.kube.journal import Journal

_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_UNDELETABLE = frozenset({"default", "kube-system", "kube-public"})
_SYSTEM_FIELDS = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "name",
    "namespace",
    "resourceVersion",
    "uid",
)
_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_IN_PROCESS = Manager("overspill-local")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class KubeStore:
    """One cluster's objects. What it returns is not to be changed in place."""

    def __init__(self, *, now: Callable[[], datetime] = _utc_now, journal_capacity: int = 2000) -> None:
        """Hold the system namespaces; `journal_capacity` is how many changes a watch of a kind may lag behind."""
        self._now = now
        self.resources = ResourceRegistry()
        self._tables = ObjectTables(journal_capacity)
        self._deletion = Deletion(self._tables, self.resources, self.timestamp)
        for name in _NAMESPACES:
            self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    @property
    def revision(self) -> int:
        """Return the resourceVersion of the newest change."""
        return self._tables.revision

    def timestamp(self) -> str:
        """Return the time now as Kubernetes writes it: RFC 3339, UTC, whole seconds."""
        return self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def find(self, resource: ResourceType, namespace: str | None, name: str) -> KubeObject | None:
        """Return an object, or None."""
        return self._tables.get(resource, (namespace or "", name))

    def get(self, resource: ResourceType, namespace: str | None, name: str) -> KubeObject:
        """Return an object; raises ApiError 404 if there is none."""
        obj = self.find(resource, namespace, name)
        if obj is None:
            raise not_found(resource, name)
        return obj

    def list_objects(self, resource: ResourceType, namespace: str | None = None) -> list[KubeObject]:
        """Return the objects of a kind in a namespace, or in all, by namespace and name."""
        objects = self._tables.of_kind(resource)
        return [obj for obj in objects if namespace in {None, obj["metadata"].get("namespace")}]

    def journal(self, resource: ResourceType) -> Journal:
        """Return what happened to the objects of a kind."""
        return self._tables.journal(resource)

    def wake_watchers(self) -> None:
        """Wake whoever waits on any journal, so that it can see that the server stops."""
        self._tables.wake_watchers()

    def create(
        self,
        body: KubeObject,
        namespace: str | None = None,
        *,
        manager: Manager = _IN_PROCESS,
        dry_run: bool = False,
    ) -> KubeObject:
        """Create an object from `body`, whose `apiVersion` and `kind` say what it is; return it as stored.

        Raises ApiError: 404 for an unknown kind or namespace, 409 if it exists, 400 or 422 if it is wrong.
        """
        resource = self.resources.find_kind(body.get("apiVersion", ""), body.get("kind", ""))
        if resource is None:
            raise unknown_path()
        obj = self._new_object(resource, body, namespace)
        self._refuse_create(resource, obj)
        obj = self._admit(resource, obj, None)
        if manager.operation == "Update":
            obj = self._owned(resource, obj, {}, manager)
        if dry_run:
            return obj
        obj = self._tables.put(resource, obj)
        self._serve_definition(resource, obj)
        self._deletion.collect_if_ownerless(resource, obj)
        return obj

    def _new_object(self, resource: ResourceType, body: KubeObject, namespace: str | None) -> KubeObject:
        obj = copy.deepcopy(body)
        metadata = _without_empty(obj.get("metadata") or {})
        if resource.namespaced:
            if metadata.setdefault("namespace", namespace or "default") != (namespace or metadata["namespace"]):
                raise bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request"
                )
        else:
            metadata.pop("namespace", None)
        if not metadata.get("name") and metadata.get("generateName"):
            suffix = "".join(random.choices(_SUFFIX_LETTERS, k=5))
            metadata["name"] = generated_name(metadata["generateName"], suffix)
        if not metadata.get("name"):
            missing = "Required value: name or generateName is required"
            raise invalid(resource, "", [FieldError("metadata.name", "FieldValueRequired", missing)])
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": self.timestamp()}
        metadata |= {"generation": 1} if resource.counts_generations else {}
        if "status" in resource.subresources and not resource.status_on_create:
            obj.pop("status", None)
        return obj | {"metadata": metadata}

    def _refuse_create(self, resource: ResourceType, obj: KubeObject) -> None:
        name, namespace = obj["metadata"]["name"], obj["metadata"].get("namespace")
        if namespace is not None:
            self._refuse_in_terminating_namespace(resource, namespace, name)
        if self.find(resource, namespace, name) is not None:
            raise already_exists(resource, name)

    def _refuse_in_terminating_namespace(self, resource: ResourceType, namespace: str, name: str) -> None:
        namespaces = self.resources.find("", "v1", "namespaces")
        if namespaces is None:
            raise unknown_path()
        if self.get(namespaces, None, namespace)["metadata"].get("deletionTimestamp"):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            cause = {"reason": "NamespaceTerminating", "field": "metadata.namespace"}
            cause["message"] = f"namespace {namespace} is being terminated"
            raise forbidden(resource, name, why, causes=[cause])

    def _admit(self, resource: ResourceType, obj: KubeObject, before: KubeObject | None) -> KubeObject:
        obj = admit(resource, obj, before)
        if resource.kind == "CustomResourceDefinition":
            return established(obj, before, self.timestamp())
        return obj

    def _owned(self, resource: ResourceType, obj: KubeObject, before: KubeObject, manager: Manager) -> KubeObject:
        ownership = ownership_after_update(before, obj, manager, self.stamp(resource), resource.list_types)
        return obj | {"metadata": _without_empty(obj["metadata"] | {"managedFields": write_ownership(ownership)})}

    def stamp(self, resource: ResourceType) -> Stamp:
        """Return what a managed-fields entry written now says beside its fields."""
        return Stamp(api_version=resource.api_version, time=self.timestamp())

    def _serve_definition(self, resource: ResourceType, obj: KubeObject) -> None:
        if resource.kind == "CustomResourceDefinition":
            self.resources.remove_definition(obj["metadata"]["name"])
            for declared in declared_resources(obj):
                self.resources.add(declared)

    def update(
        self,
        resource: ResourceType,
        current: KubeObject,
        desired: KubeObject,
        *,
        manager: Manager = _IN_PROCESS,
        dry_run: bool = False,
    ) -> KubeObject:
        """Replace `current` by `desired`, of which the status counts only through the status subresource.

        Returns the object as stored: the current one if nothing changed. Raises ApiError: 409 if `desired` names a
        resourceVersion that is not the current one, 400 or 422 if it is wrong.
        """
        version = desired["metadata"].get("resourceVersion")
        if version and version != current["metadata"]["resourceVersion"]:
            raise conflict(resource, current["metadata"]["name"])
        obj = self._admit(resource, _merged(resource, current, desired, manager), current)
        if manager.operation == "Update":
            obj = self._owned(resource, obj, current, manager)
        if obj == current:
            return current
        if resource.counts_generations and _spec(obj) != _spec(current):
            generation = current["metadata"].get("generation", 0) + 1
            obj = obj | {"metadata": obj["metadata"] | {"generation": generation}}
        if dry_run:
            return obj
        obj = self._tables.put(resource, obj)
        self._serve_definition(resource, obj)
        return self._deletion.finish(resource, obj)

    def delete(self, resource: ResourceType, obj: KubeObject, policy: PropagationPolicy = "Background") -> KubeObject:
        """Delete an object and what depends on it; return its last state, which may be a terminating one."""
        if resource.kind == "Namespace" and obj["metadata"]["name"] in _UNDELETABLE:
            raise forbidden(resource, obj["metadata"]["name"], "this namespace may not be deleted")
        return self._deletion.delete(resource, obj, policy)


def _spec(obj: KubeObject) -> KubeObject:
    return {key: value for key, value in obj.items() if key not in {"metadata", "status"}}


def _without_empty(metadata: KubeObject) -> KubeObject:
    """Return metadata without nulls, empty tables and empty lists, which Kubernetes does not store."""
    return {key: value for key, value in metadata.items() if value not in (None, {}, [])}


def _merged(resource: ResourceType, current: KubeObject, desired: KubeObject, manager: Manager) -> KubeObject:
    """Return `desired` with what its writer may not change taken from `current`."""
    desired = copy.deepcopy(desired)
    if manager.subresource == "status":
        metadata = current["metadata"]
        obj = {key: value for key, value in current.items() if key != "status"}
        obj |= {"status": desired["status"]} if "status" in desired else {}
    else:
        metadata = {key: value for key, value in desired["metadata"].items() if key not in _SYSTEM_FIELDS}
        metadata |= {key: current["metadata"][key] for key in _SYSTEM_FIELDS if key in current["metadata"]}
        obj = desired
        if "status" in resource.subresources:
            obj = {key: value for key, value in desired.items() if key != "status"}
            obj |= {"status": current["status"]} if "status" in current else {}
    if manager.operation == "Apply":
        metadata = metadata | {"managedFields": desired["metadata"]["managedFields"]}
    return obj | {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": _without_empty(metadata)}
