"""The dead-man's Kubernetes objects: what runs it beside a burst's MiniCluster, and the two rights that it has.

Values out. What it does stands in `deadman_watch`, whose text goes into a ConfigMap: no image of ours need exist (ADR
0007). It runs on the system pool, for the burst pool's nodes must be free to go.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from overspill_shared import lease
from overspill_shared.burst_metadata import namespace_name, object_labels, object_metadata
from overspill_shared.clusters import POOL_LABEL, SYSTEM_POOL

if TYPE_CHECKING:
    from overspill_shared.messages import BurstRequest

NAME: Final = "overspill-deadman"
SCRIPT: Final = "deadman_watch.py"
_SCRIPT_FOLDER: Final = "/opt/overspill"
_ACCOUNT_FOLDER: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
_NOBODY: Final = 65534


def build_deadman(request: BurstRequest, *, image: str, has_pools: bool) -> tuple[dict[str, Any], ...]:
    """Give the objects in the order in which they are to be applied.

    `image` needs nothing but python3; `has_pools` says whether the cluster has Overspill's node pools.
    """
    return (
        _object(request, "v1", "ServiceAccount", automountServiceAccountToken=False),
        _object(request, "rbac.authorization.k8s.io/v1", "Role", rules=_rules(request)),
        _object(
            request,
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME},
            subjects=[{"kind": "ServiceAccount", "name": NAME, "namespace": namespace_name(request)}],
        ),
        _object(request, "v1", "ConfigMap", data={SCRIPT: _script()}),
        _object(request, "apps/v1", "Deployment", spec=_deployment(request, image, has_pools=has_pools)),
    )


def _rules(request: BurstRequest) -> list[dict[str, Any]]:
    """One Lease to read, one MiniCluster to delete, and no other object."""
    return [
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": [lease.NAME],
            "verbs": ["get"],
        },
        {
            "apiGroups": ["flux-framework.org"],
            "resources": ["miniclusters"],
            "resourceNames": [request.slot.name],
            "verbs": ["delete"],
        },
    ]


def _deployment(request: BurstRequest, image: str, *, has_pools: bool) -> dict[str, Any]:
    selector = {"app": NAME}
    pod = {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _NOBODY,
            "runAsGroup": _NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "deadman",
                "image": image,
                "command": ["python3", "-I", f"{_SCRIPT_FOLDER}/{SCRIPT}"],
                "args": [_ACCOUNT_FOLDER, lease.NAME, request.slot.name],
                "resources": {
                    "requests": {"cpu": "5m", "memory": "32Mi"},
                    "limits": {"memory": "64Mi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [{"name": "script", "mountPath": _SCRIPT_FOLDER, "readOnly": True}],
            }
        ],
        "volumes": [{"name": "script", "configMap": {"name": NAME}}],
    }
    if has_pools:
        pod["nodeSelector"] = {POOL_LABEL: SYSTEM_POOL}
    return {
        "replicas": 1,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": selector},
        "template": {"metadata": {"labels": {**object_labels(request), **selector}}, "spec": pod},
    }


def _object(request: BurstRequest, api_version: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": object_metadata(request, NAME), **fields}


@functools.cache
def _script() -> str:
    return resources.files("overspill_shared").joinpath(SCRIPT).read_text("utf-8")
