"""The Kubernetes side of a burst: what is put into its cluster, and what is seen of it there.

All effects go through the KubernetesApi port. Importing this module loads the Flux Operator's models: it is imported
once a cluster runs, not when the function starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from overspill_provision.operator_install import install_operator, missing_of_operator
from overspill_provision.steps import BurstObjects
from overspill_shared import lease, minicluster, volume_objects
from overspill_shared.burst_metadata import namespace_name
from overspill_shared.deadman import build_deadman
from overspill_shared.errors import AlreadyExists, CloudError, ConfigError, Conflict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from overspill_shared.messages import BurstRequest
    from overspill_shared.ports import KubernetesApi
    from overspill_shared.sealing import Keys
    from overspill_shared.volumes import Volume

API_VERSION: Final = "flux-framework.org/v1alpha2"
KIND: Final = "MiniCluster"
Manifest = dict[str, Any]


def observe_objects(request: BurstRequest, kubernetes: KubernetesApi) -> BurstObjects:
    """Look at the burst's namespace, MiniCluster and pods."""
    name = namespace_name(request)
    namespace = kubernetes.read("v1", "Namespace", name)
    if namespace is None:
        return BurstObjects()
    found = kubernetes.read(API_VERSION, KIND, request.slot.name, namespace=name) or {}
    selector = f"{minicluster.POD_SELECTOR_LABEL}={request.slot.name}"
    return BurstObjects(
        revision=minicluster.revision_of(namespace),
        size=int(found["spec"].get("size", 1)) if found else None,
        made_at=_made_at(found),
        pods=kubernetes.list_pods(name, selector),
    )


def resize(request: BurstRequest, kubernetes: KubernetesApi, *, made_at: float, has_pools: bool) -> None:
    """Give a burst's MiniCluster, made at `made_at`, another size; 0 removes it. Repeating it changes nothing.

    The revision is recorded first: from then on, an older request is stale. Raises Conflict if another delivery works
    on the same burst, or CloudError.
    """
    namespace = namespace_name(request)
    # Read before the revision is recorded: what a higher revision does after that is then a conflict.
    found = kubernetes.read(API_VERSION, KIND, request.slot.name, namespace=namespace)
    _begin_revision(request, kubernetes)
    if request.size == 0:
        # The operator takes a size of 0 for a mistake, and restores the old one.
        kubernetes.delete(API_VERSION, KIND, request.slot.name, namespace=namespace)
    elif found is None:
        raise Conflict(f"the MiniCluster {request.slot.name} went meanwhile.")
    else:
        kubernetes.apply(_over(found, minicluster.build_minicluster(request, now=made_at, has_pools=has_pools)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What is put into a cluster beside the burst itself."""

    operator: Sequence[Manifest]
    """As `operator_install.prepare_operator` gives it; empty: the cluster's own is used."""
    deadman_image: str
    has_pools: bool
    """Whether the cluster has Overspill's node pools, with their labels and taint."""


def deploy(
    request: BurstRequest,
    keys: Keys,
    kubernetes: KubernetesApi,
    installation: Installation,
    *,
    now: float,
    pause: Callable[[str], None],
) -> None:
    """Put operator, dead-man and burst into a cluster; repeating it is harmless.

    First comes the Lease, so that renewals find it; last comes the MiniCluster: where it is seen, all the rest is
    there, and of deliveries that race one makes it. `pause` waits, and raises once there is no time left. Raises
    Conflict if another delivery works on the burst, CloudError, or ConfigError for a volume that cannot be mounted.
    """
    _begin_revision(request, kubernetes)
    _hold_lease(request, kubernetes, now=now)
    install_operator(kubernetes, installation.operator)
    kubernetes.apply(minicluster.build_secret(request, keys))
    for manifest in build_deadman(request, image=installation.deadman_image, has_pools=installation.has_pools):
        kubernetes.apply(manifest)
    _apply_volumes(request, kubernetes)
    while missing := missing_of_operator(kubernetes, installation.operator):
        pause(missing)
    manifest = minicluster.build_minicluster(request, now=now, has_pools=installation.has_pools)
    try:
        kubernetes.create(manifest)
    except AlreadyExists:
        raise Conflict(f"another delivery has made the MiniCluster {request.slot.name}.") from None


def _begin_revision(request: BurstRequest, kubernetes: KubernetesApi) -> None:
    """Record in the burst's namespace that this revision is begun; it never goes back to a lower one.

    Raises Conflict if a higher one was begun, or another delivery writes at the same moment.
    """
    manifest = minicluster.build_namespace(request)
    found = kubernetes.read("v1", "Namespace", namespace_name(request))
    if found is None:
        try:
            kubernetes.create(manifest)
        except AlreadyExists:
            raise Conflict("another delivery has made the burst's namespace.") from None
        return
    if (begun := minicluster.revision_of(found)) > request.revision:
        raise Conflict(f"revision {begun} was begun meanwhile.")
    kubernetes.apply(_over(found, manifest))


def _over(found: Manifest, manifest: Manifest) -> Manifest:
    """Give a manifest that takes the place of just the version that was found."""
    version = found["metadata"]["resourceVersion"]
    return {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": version}}


def _hold_lease(request: BurstRequest, kubernetes: KubernetesApi, *, now: float) -> None:
    """Give the burst its first lease; one that is there may have been renewed, and stays.

    Raises CloudError if it has lapsed: what is made now would have no right to exist.
    """
    namespace = namespace_name(request)
    held = kubernetes.read(lease.API_VERSION, lease.KIND, lease.NAME, namespace=namespace)
    wanted = held or lease.build_lease(request, now=now)
    if lease.read_lease(wanted).has_lapsed(now):
        raise CloudError(
            "the burst's lease has lapsed before its MiniCluster was made: its agent did not renew it.",
            remedy="Look at the agent's log; raise its lease_s if clusters take longer than that to be made.",
            code="lease-lapsed",
        )
    if held is None:
        kubernetes.apply(wanted)


def _apply_volumes(request: BurstRequest, kubernetes: KubernetesApi) -> None:
    for volume in request.template.volumes:
        for manifest in _volume_objects(request, volume, kubernetes):
            metadata = manifest["metadata"]
            place = {"namespace": metadata.get("namespace")}
            # Once bound they bear Kubernetes' own marks, which an apply over them would take away.
            if kubernetes.read(manifest["apiVersion"], manifest["kind"], metadata["name"], **place) is None:
                kubernetes.apply(manifest)


def _volume_objects(request: BurstRequest, volume: Volume, kubernetes: KubernetesApi) -> tuple[Manifest, ...]:
    if volume.nfs is not None:
        return volume_objects.build_export(request, volume)
    if volume.claim is not None:
        return volume_objects.build_claim(request, volume, _bound_volume(volume, kubernetes))
    return ()


def _bound_volume(volume: Volume, kubernetes: KubernetesApi) -> Manifest:
    namespace, name = volume_objects.claim_place(volume)
    claim = kubernetes.read("v1", "PersistentVolumeClaim", name, namespace=namespace) or {}
    bound_to = (claim.get("spec") or {}).get("volumeName")
    found = kubernetes.read("v1", "PersistentVolume", bound_to) if bound_to else None
    if found is None:
        raise ConfigError(
            f"volume {volume.name}: the claim {volume.claim} {'is bound to no volume' if claim else 'does not exist'}.",
            remedy="Make the claim, and wait until it is bound, before bursting; or correct the template.",
            code="volume-claim",
        )
    return found


def _made_at(found: Mapping[str, Any]) -> float:
    text = (found.get("metadata") or {}).get("creationTimestamp")
    return datetime.fromisoformat(text).timestamp() if text else 0.0
