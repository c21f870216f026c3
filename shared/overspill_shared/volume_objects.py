"""A template's volumes as Kubernetes has them: what the MiniCluster mounts, and the objects that this takes.

Values in, manifests out. Nothing is ever provisioned: a bucket is mounted by GCS FUSE, an export and a claim by a
PersistentVolume that stands for what exists already, and is kept (Retain) when the burst goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from overspill_shared.burst_metadata import namespace_name, object_labels, object_metadata
from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_shared.messages import BurstRequest
    from overspill_shared.volumes import Volume

GCS_FUSE_DRIVER: Final = "gcsfuse.csi.storage.gke.io"
GCS_FUSE_ANNOTATIONS: Final = {
    "gke-gcsfuse/volumes": "true",
    # Its sidecar lives beside a broker that has the node for itself.
    "gke-gcsfuse/cpu-limit": "0",
    "gke-gcsfuse/memory-limit": "0",
    "gke-gcsfuse/ephemeral-storage-limit": "0",
}
_MANY: Final = frozenset({"ReadWriteMany", "ReadOnlyMany"})
_OF_ONE_CLAIM: Final = frozenset({"claimRef", "storageClassName", "persistentVolumeReclaimPolicy"})
_CAPACITY: Final = "1Gi"
"""Kubernetes wants one, and compares it with nothing but the claim's."""


def mounts(request: BurstRequest) -> dict[str, dict[str, Any]]:
    """Give the template's volumes as a MiniCluster's container has them (v1alpha2 `containers[].volumes`)."""
    return {_claim_name(volume): _mount(request, volume) for volume in request.template.volumes}


def pod_annotations(request: BurstRequest) -> dict[str, str]:
    """Give the annotations that the volumes' drivers want to see on a pod."""
    return dict(GCS_FUSE_ANNOTATIONS) if any(volume.gcs_bucket for volume in request.template.volumes) else {}


def build_export(request: BurstRequest, volume: Volume) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the PersistentVolume of an NFS export, and the claim that binds it to the burst's namespace."""
    export = volume.nfs
    if export is None:
        raise ValueError(f"volume {volume.name} is no NFS export")
    source = {"server": export.server, "path": export.path, "readOnly": volume.read_only}
    return _bound(request, volume, {"nfs": source, "accessModes": ["ReadWriteMany"]})


def build_claim(
    request: BurstRequest, volume: Volume, existing: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give a PersistentVolume for the same storage as `existing`, and its claim in the burst's namespace.

    A pod can only mount claims of its own namespace. `existing` is the PersistentVolume that the template's claim is
    bound to. Raises ConfigError if only one node may mount it.
    """
    spec = existing["spec"]
    if not _MANY & set(spec.get("accessModes") or ()):
        raise ConfigError(
            f"volume {volume.name}: the claim {volume.claim} can be mounted by one node only"
            f" ({', '.join(spec.get('accessModes') or ())}).",
            remedy="Give a claim of access mode ReadWriteMany or ReadOnlyMany.",
            code="volume-claim",
        )
    return _bound(request, volume, {key: value for key, value in spec.items() if key not in _OF_ONE_CLAIM})


def claim_place(volume: Volume) -> tuple[str, str]:
    """Give the namespace and the name of a template's existing claim."""
    namespace, _, name = (volume.claim or "").partition("/")
    return namespace, name


def _mount(request: BurstRequest, volume: Volume) -> dict[str, Any]:
    place = {"path": volume.mount_path, "readOnly": volume.read_only}
    if volume.gcs_bucket is None:
        return {**place, "claimName": _claim_name(volume)}
    # Jobs run as the instance's owner, and GCS FUSE shows every file as one user's.
    options = f"implicit-dirs,uid={request.runtime.uid},gid={request.runtime.gid}"
    attributes = {"bucketName": volume.gcs_bucket, "mountOptions": options}
    return {**place, "csiDriver": GCS_FUSE_DRIVER, "csiDriverAttributes": attributes}


def _bound(request: BurstRequest, volume: Volume, spec: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give a volume and a claim that name each other, so that neither can be bound to anything else."""
    namespace = namespace_name(request)
    volume_name, claim_name = f"{namespace}-{volume.name}", _claim_name(volume)
    capacity = spec.get("capacity") or {"storage": _CAPACITY}
    return (
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": volume_name, "labels": object_labels(request)},
            "spec": {
                **spec,
                "capacity": capacity,
                "storageClassName": "",
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "namespace": namespace,
                    "name": claim_name,
                },
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": object_metadata(request, claim_name),
            "spec": {
                "accessModes": list(spec["accessModes"]),
                "volumeMode": spec.get("volumeMode", "Filesystem"),
                "storageClassName": "",
                "volumeName": volume_name,
                "resources": {"requests": {"storage": capacity["storage"]}},
            },
        },
    )


def _claim_name(volume: Volume) -> str:
    """Give the name of a volume in the pod: with a prefix, so that none is the operator's own."""
    return f"volume-{volume.name}"
