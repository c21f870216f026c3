"""The Kubernetes objects of one burst: its namespace, the Secret with its keys, and its MiniCluster.

Values in, manifests out; built with the Flux Operator's own models (v1alpha2). No field of a message reaches a script:
`brokerConfig` and `commands.pre` are constants, for the operator writes the former through an unquoted heredoc and runs
the latter in a shell. The operator's own `curveCert` stays empty, since it would show the key in a ConfigMap and in pod
logs: ours lies in a Secret and is copied in place by `pre`.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final

import fluxoperator
from fluxoperator import models

from overspill_shared import burst_mark, volume_objects
from overspill_shared.allocatable import allocatable_cpus, allocatable_memory_mib, logical_cpus
from overspill_shared.burst_metadata import namespace_name, object_labels, object_metadata
from overspill_shared.clusters import BURST_POOL, BURST_TAINT, POOL_LABEL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_shared.messages import BurstRequest
    from overspill_shared.sealing import Keys
    from overspill_shared.templates import NodeShape

SECRET_NAME: Final = "overspill-keys"
SECRET_MOUNT: Final = "/mnt/overspill"
MUNGE_KEY: Final = "/etc/munge/munge.key"
"""munged(8)'s own default."""
POD_SELECTOR_LABEL: Final = "job-name"
"""The operator labels each pod with it; its value is the MiniCluster's name."""
MIN_DEADLINE_S: Final = 60
REQUESTED_SHARE: Final = 0.6
"""Of what a node's pods may have: over a half, so that two brokers never share a node (the operator only prefers that
they do not), and under all of it, so that what else runs on each node finds room."""
GPU_RESOURCE: Final = "nvidia.com/gpu"
_STAYS: Final = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
"""An autoscaler that would gather pods on fewer nodes must not move a broker: its job would die."""
REVISION_ANNOTATION: Final = "overspill.dev/revision"
"""On the namespace, and not on the MiniCluster: a burst of size 0 has none."""

BROKER_CONFIG: Final = "# Replaced by the burst's own broker.toml before the broker starts.\n[bootstrap]\n"

PRE: Final = f"""\
mainHost=external-lead
install -m 0600 -o "${{fluxuid}}" {SECRET_MOUNT}/curve.cert "${{curvepath}}"
install -m 0644 {SECRET_MOUNT}/broker.toml "${{cfg}}/broker.toml"
install -m 0644 {SECRET_MOUNT}/{burst_mark.FILE_NAME} "${{cfg}}/{burst_mark.FILE_NAME}"
if [ -f {SECRET_MOUNT}/munge.key ]; then
  install -D -m 0400 -o "$(id -u munge 2>/dev/null || id -u)" {SECRET_MOUNT}/munge.key {MUNGE_KEY}
fi
"""
"""Runs in the operator's worker script before its broker starts; the variables are that script's. `mainHost` is set so
that index 0 is an ordinary worker too: the operator's main host would run its broker once, without a retry. munged,
where an image has one, reads its key as the user `munge`."""


def build_namespace(request: BurstRequest) -> dict[str, Any]:
    """Give the burst's Namespace, which keeps the revision that was begun last."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": namespace_name(request),
            "labels": object_labels(request),
            "annotations": {REVISION_ANNOTATION: str(request.revision)},
        },
    }


def revision_of(namespace: Mapping[str, Any]) -> int:
    """Give the revision that a burst's namespace keeps; 0 if it keeps none."""
    kept = (namespace["metadata"].get("annotations") or {}).get(REVISION_ANNOTATION, "")
    return int(kept) if re.fullmatch(r"[0-9]{1,18}", kept) else 0


def build_secret(request: BurstRequest, keys: Keys) -> dict[str, Any]:
    """Give the Secret that holds curve certificate, broker.toml and the burst's mark (a munge key where one is used).

    The result holds keys in the clear: it goes to the Kubernetes API and nowhere else.
    """
    files = {
        "curve.cert": keys.curve_cert.reveal(),
        "broker.toml": request.broker_toml.encode(),
        burst_mark.FILE_NAME: burst_mark.mark_of(request).model_dump_json().encode(),
    }
    if keys.munge_key is not None:
        files["munge.key"] = keys.munge_key.reveal()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": object_metadata(request, SECRET_NAME),
        "data": {name: base64.b64encode(content).decode() for name, content in files.items()},
    }


def build_minicluster(request: BurstRequest, *, now: float, has_pools: bool = True) -> dict[str, Any]:
    """Give the MiniCluster whose brokers join the lead.

    Its name is the slot's, since a pod's host name (`<name>-<index>`) is its place in the lead's hostlist.
    `deadlineSeconds` ends its pods at `hard_end_at`, whatever else fails. `has_pools` says whether the cluster has
    Overspill's node pools; its pods keep to the burst pool then.
    """
    spec = models.MiniClusterSpec(
        size=request.size,
        max_size=request.slot.size,
        interactive=True,
        deadline_seconds=max(MIN_DEADLINE_S, int(request.hard_end_at - now)),
        containers=[_container(request)],
        flux=models.FluxSpec(
            broker_config=BROKER_CONFIG,
            container=models.FluxContainer(image=request.runtime.view_image),
        ),
        pod=models.PodSpec(
            labels=object_labels(request),
            annotations={**_STAYS, **volume_objects.pod_annotations(request)},
            node_selector={POOL_LABEL: BURST_POOL} if has_pools else None,
        ),
    )
    manifest: dict[str, Any] = {
        "apiVersion": "flux-framework.org/v1alpha2",
        "kind": "MiniCluster",
        "metadata": object_metadata(request, request.slot.name),
        "spec": fluxoperator.ApiClient().sanitize_for_serialization(spec),
    }
    _add_what_the_models_lack(request, manifest["spec"])
    return manifest


def _container(request: BurstRequest) -> models.MiniClusterContainer:
    return models.MiniClusterContainer(
        image=request.template.app_image or request.runtime.app_image,
        run_flux=True,
        commands=models.Commands(pre=PRE),
        resources=_resources(request.template),
    )


def _resources(shape: NodeShape) -> models.ContainerResources:
    """Ask for most of a node and all its GPUs; no CPU limit, for hwloc must see the whole node, as R says."""
    cpus = REQUESTED_SHARE * allocatable_cpus(logical_cpus(shape))
    memory_mib = REQUESTED_SHARE * allocatable_memory_mib(shape.memory_mib)
    requests = {"cpu": f"{int(1000 * cpus)}m", "memory": f"{int(memory_mib)}Mi"}
    limits = {GPU_RESOURCE: shape.gpus} if shape.gpus else None
    return models.ContainerResources(requests=requests, limits=limits)


def _add_what_the_models_lack(request: BurstRequest, spec: dict[str, Any]) -> None:
    """Add the fields of the CRD that fluxoperator 0.2.0 does not know."""
    spec["containers"][0]["volumes"] = {
        "overspill": {"secretName": SECRET_NAME, "path": SECRET_MOUNT, "readOnly": True},
        **volume_objects.mounts(request),
    }
    tolerations = [{"key": BURST_TAINT.key, "operator": "Equal", "value": BURST_TAINT.value, "effect": "NoSchedule"}]
    if request.template.gpus:
        tolerations.append({"key": GPU_RESOURCE, "operator": "Exists", "effect": "NoSchedule"})
    spec["pod"]["tolerations"] = tolerations
    if request.runtime.topology:
        spec["flux"]["topology"] = request.runtime.topology
