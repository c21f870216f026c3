"""Clusters that are none: bursts as namespaces of one Kubernetes cluster that is there already.

It may be kind's, on-premises, or any cloud's. Only a burst's own namespace, its volumes and its record are made and
removed; all else is left alone.

A burst's record is a ConfigMap in the namespace `overspill-bursts`, with the labels that a cluster of GKE would have; a
second one says that it was deleted, and stays for a week, as GKE remembers operations. names.is_ours, the functions'
plans and the sweep mean the same with both.

What is weaker than with GKE:

* Nothing is atomic: two creates at one moment both succeed. They make the same namespace, for a name is a hash of what
  is asked for, so that there still is one burst.
* A create that was under way when its burst was deleted may make the namespace anew. It is listed again then, and its
  event makes the agent ask for the teardown again.
* There are no zones and no pools: `zone` is what the request said, a resize moves no nodes, and what a node costs, or
  how long it may live, is the cluster's owner's. The hard end is kept by the MiniCluster's own deadline and the sweep.
* A record that somebody deletes by hand hides its burst from the sweep, though not from a teardown.
* Whoever may write in this cluster may write records too.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from overspill_shared import names
from overspill_shared.clusters import Cluster, ClusterListing, ClusterOperation, ClusterStatus, OperationKind
from overspill_shared.errors import AlreadyExists, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_shared.clusters import ClusterSpec
    from overspill_shared.ports import Clock, KubernetesApi

RECORDS_NAMESPACE: Final = "overspill-bursts"
DELETION_KEPT_S: Final = 7 * 24 * 3600.0
"""So long it is remembered that a burst was deleted: no message of it is delivered later."""

_CONFIG_MAP: Final = ("v1", "ConfigMap")
_NAMESPACE: Final = ("v1", "Namespace")
_VOLUME: Final = ("v1", "PersistentVolume")
_DELETED: Final = {"overspill-deleted": "true"}

_Object = dict[str, Any]


class ExistingClusters:
    """Implements ports.Clusters."""

    def __init__(self, api: KubernetesApi, endpoint: str, clock: Clock) -> None:
        """`endpoint` is where the cluster's API is, as each burst's Cluster shows it."""
        self._api = api
        self._endpoint = endpoint
        self._clock = clock

    def get(self, zone: str, name: str) -> Cluster | None:
        """Read a burst's record and its namespace."""
        record, namespace = self._record(name), self._api.read(*_NAMESPACE, name)
        if namespace is None and (record is None or self._record(_deletion(name)) is not None):
            return None
        return self._cluster(record, namespace, zone)

    def list(self) -> ClusterListing:
        """List the records of bursts that are not gone; a listing is never partial."""
        records = self._api.list(*_CONFIG_MAP, namespace=RECORDS_NAMESPACE, label_selector=f"{names.LABEL_OURS}=true")
        deleted = {_name(item) for item in self._deletions()}
        namespaces = {_name(item): item for item in self._api.list(*_NAMESPACE)}
        return ClusterListing(
            clusters=tuple(
                self._cluster(record, namespaces.get(_name(record)))
                for record in records
                if _name(record) in namespaces or _deletion(_name(record)) not in deleted
            )
        )

    def create(self, zone: str, spec: ClusterSpec) -> None:
        """Record a burst; its namespace comes with what is put into it."""
        if self.get(zone, spec.name) is not None or self._record(_deletion(spec.name)) is not None:
            raise AlreadyExists(f"{spec.name} exists already, or was deleted.")
        self._api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": RECORDS_NAMESPACE}})
        self._api.apply(_config_map(spec.name, labels=spec.labels, data={"zone": zone}))

    def delete(self, zone: str, name: str) -> None:
        """Remember the deletion, then delete the burst's volumes and its namespace."""
        cluster = self.get(zone, name)
        if cluster is None:
            raise NotFound(f"there is no {name}.")
        deleted_at = {"deleted_at": f"{self._clock.now():.0f}"}
        self._api.apply(_config_map(_deletion(name), labels=_DELETED, data=deleted_at))
        burst = cluster.labels.get(names.LABEL_BURST_ID, "")
        for volume in self._api.list(*_VOLUME, label_selector=f"{names.LABEL_BURST_ID}={burst}") if burst else ():
            self._api.delete(*_VOLUME, _name(volume))
        self._api.delete(*_NAMESPACE, name)
        self._forget_old_deletions()

    def resize(self, zone: str, name: str, node_count: int) -> None:  # noqa: ARG002 - its nodes are not ours
        """Do nothing: the cluster has the nodes that it has."""
        if self.get(zone, name) is None:
            raise NotFound(f"there is no {name}.")

    def operations(self, zone: str, name: str) -> tuple[ClusterOperation, ...]:  # noqa: ARG002 - there are no zones
        """Give what the records remember."""
        found = []
        if self._record(name) is not None:
            found.append(ClusterOperation(kind=OperationKind.CREATE, is_done=True))
        if self._record(_deletion(name)) is not None:
            is_gone = self._api.read(*_NAMESPACE, name) is None
            found.append(ClusterOperation(kind=OperationKind.DELETE, is_done=is_gone))
        return tuple(found)

    def close(self) -> None:
        """Let go of the connection."""
        self._api.close()

    def _record(self, name: str) -> _Object | None:
        return self._api.read(*_CONFIG_MAP, name, namespace=RECORDS_NAMESPACE)

    def _deletions(self) -> tuple[_Object, ...]:
        (label,) = _DELETED
        return self._api.list(*_CONFIG_MAP, namespace=RECORDS_NAMESPACE, label_selector=f"{label}={_DELETED[label]}")

    def _cluster(self, record: _Object | None, namespace: _Object | None, zone: str = "") -> Cluster:
        """Give a burst as a cluster: of the namespace's labels where that is not the record's."""
        labels = _labels(record) if record else {}
        if namespace is not None and _labels(namespace).get(names.LABEL_BURST_ID) != labels.get(names.LABEL_BURST_ID):
            labels = _labels(namespace)
        shown = record or namespace or {}
        is_leaving = namespace is not None and "deletionTimestamp" in namespace["metadata"]
        return Cluster(
            name=_name(shown),
            zone=((record or {}).get("data") or {}).get("zone", zone),
            status=ClusterStatus.STOPPING if is_leaving else ClusterStatus.RUNNING,
            labels=labels,
            created_at=datetime.fromisoformat(shown["metadata"]["creationTimestamp"]).timestamp(),
            endpoint=self._endpoint,
        )

    def _forget_old_deletions(self) -> None:
        """Drop the records of bursts that are gone for long; the one that says so goes last."""
        for deletion in self._deletions():
            deleted_at = float((deletion.get("data") or {}).get("deleted_at", "inf"))
            if self._clock.now() - deleted_at > DELETION_KEPT_S:
                self._api.delete(*_CONFIG_MAP, _burst(_name(deletion)), namespace=RECORDS_NAMESPACE)
                self._api.delete(*_CONFIG_MAP, _name(deletion), namespace=RECORDS_NAMESPACE)


def _config_map(name: str, *, labels: Mapping[str, str], data: Mapping[str, str]) -> _Object:
    metadata = {"name": name, "namespace": RECORDS_NAMESPACE, "labels": dict(labels)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)}


def _name(item: Mapping[str, Any]) -> str:
    return str(item["metadata"]["name"])


def _labels(item: Mapping[str, Any]) -> dict[str, str]:
    return dict(item["metadata"].get("labels") or {})


def _deletion(name: str) -> str:
    """Give the name of the record that says that a burst was deleted.

    Its own object: a late create, which writes the burst's record again, cannot take it back.
    """
    return f"{name}.deleted"


def _burst(deletion: str) -> str:
    return deletion.removesuffix(".deleted")
