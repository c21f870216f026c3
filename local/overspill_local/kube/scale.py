"""The scale subresource: a `Scale` (autoscaling/v1) read from an object, and the replicas set from one.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from overspill_local.kube.errors import FieldError, invalid, unknown_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overspill_local.kube.resources import KubeObject, ResourceType, ScalePaths

_IDENTITY = ("creationTimestamp", "name", "namespace", "resourceVersion", "uid")


def read_scale(resource: ResourceType, obj: KubeObject) -> KubeObject:
    """Return the object's scale."""
    paths = _paths(resource)
    selector = _selector(obj, paths)
    status = {"replicas": _at(obj, paths.status_replicas) or 0}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: obj["metadata"][key] for key in _IDENTITY if key in obj["metadata"]},
        "spec": {"replicas": _at(obj, paths.replicas) or 0},
        "status": status | ({"selector": selector} if selector else {}),
    }


def _selector(obj: KubeObject, paths: ScalePaths) -> str:
    """Return the pods' selector as text; a Deployment's stands in its spec, as labels."""
    labels = _at(obj, ("spec", "selector", "matchLabels")) or {}
    return _at(obj, paths.selector) or ",".join(f"{key}={value}" for key, value in labels.items())


def with_scale(resource: ResourceType, obj: KubeObject, scale: KubeObject) -> KubeObject:
    """Return the object with the replicas that `scale` asks for; raises ApiError 422 if that is no count."""
    replicas = _at(scale, ("spec", "replicas"))
    if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 0:
        why = f"Invalid value: {replicas!r}: must be a whole number, zero or more"
        raise invalid(resource, obj["metadata"]["name"], [FieldError("spec.replicas", "FieldValueInvalid", why)])
    scaled = _set(obj, _paths(resource).replicas, replicas)
    version = scale.get("metadata", {}).get("resourceVersion")
    return scaled | ({"metadata": scaled["metadata"] | {"resourceVersion": version}} if version else {})


def _paths(resource: ResourceType) -> ScalePaths:
    if resource.scale is None:
        raise unknown_path()
    return resource.scale


def _at(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _set(obj: KubeObject, path: Sequence[str], value: Any) -> KubeObject:
    if not path:
        return value  # type: ignore[no-any-return]
    return obj | {path[0]: _set(obj.get(path[0]) or {}, path[1:], value)}
