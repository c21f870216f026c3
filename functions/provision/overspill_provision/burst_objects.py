"""The Kubernetes side of a burst: what is put into its cluster, and what is seen of it there.

All effects go through the KubernetesApi port. Importing this module loads the Flux Operator's models: it is imported
once a cluster runs, not when the function starts.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from overspill_provision.steps import BurstObjects
from overspill_shared import lease, minicluster
from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from overspill_shared.messages import BurstRequest
    from overspill_shared.ports import KubernetesApi
    from overspill_shared.sealing import Keys

API_VERSION: Final = "flux-framework.org/v1alpha2"
KIND: Final = "MiniCluster"
CRD: Final = ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "miniclusters.flux-framework.org")

Manifest = dict[str, Any]


def observe_objects(request: BurstRequest, kubernetes: KubernetesApi) -> BurstObjects:
    """Look at the burst's namespace, MiniCluster and pods."""
    name = minicluster.namespace_name(request)
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


def resize(request: BurstRequest, kubernetes: KubernetesApi, *, made_at: float) -> None:
    """Give a burst's MiniCluster, made at `made_at`, another size; 0 removes it. Repeating it changes nothing.

    The revision is recorded first: from then on, an older request is stale. Raises CloudError.
    """
    kubernetes.apply(minicluster.build_namespace(request))
    if request.size == 0:
        # The operator takes a size of 0 for a mistake, and restores the old one.
        kubernetes.delete(API_VERSION, KIND, request.slot.name, namespace=minicluster.namespace_name(request))
    else:
        kubernetes.apply(minicluster.build_minicluster(request, now=made_at))


def deploy(
    request: BurstRequest,
    keys: Keys,
    kubernetes: KubernetesApi,
    *,
    operator_manifest: Iterable[Manifest],
    now: float,
    pause: Callable[[str], None],
) -> None:
    """Install the operator, then create the burst's namespace, Secret, Lease and MiniCluster; repeating is harmless.

    The MiniCluster comes last: where it is seen, all the rest is there. `pause` waits, and raises once there is no
    time left. Raises CloudError.
    """
    for document in operator_manifest:
        kubernetes.apply(document)
    while not _is_established(kubernetes.read(*CRD)):
        pause("the MiniCluster definition is not established yet")
    kubernetes.apply(minicluster.build_namespace(request))
    kubernetes.apply(minicluster.build_secret(request, keys))
    _ensure_lease(request, kubernetes, now=now)
    kubernetes.apply(minicluster.build_minicluster(request, now=now))


def _ensure_lease(request: BurstRequest, kubernetes: KubernetesApi, *, now: float) -> None:
    """Give the burst its first lease; one that is there may have been renewed, and stays."""
    namespace = minicluster.namespace_name(request)
    if kubernetes.read(lease.API_VERSION, lease.KIND, lease.NAME, namespace=namespace) is None:
        kubernetes.apply(lease.build_lease(request, now=now))


def _made_at(found: Mapping[str, Any]) -> float:
    text = (found.get("metadata") or {}).get("creationTimestamp")
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def _is_established(definition: Mapping[str, Any] | None) -> bool:
    """Tell whether the API server serves a definition's kind (CustomResourceDefinitionStatus.conditions)."""
    conditions = ((definition or {}).get("status") or {}).get("conditions") or ()
    return any(item.get("type") == "Established" and item.get("status") == "True" for item in conditions)


def check_operator_manifest(documents: Iterable[Manifest]) -> None:
    """Check that a manifest defines the kind MiniCluster.

    Raises ConfigError.
    """
    if not any((item["apiVersion"], item["kind"], item["metadata"].get("name")) == CRD for item in documents):
        raise ConfigError(
            f"operator_manifest does not define {CRD[2]}.",
            remedy="Give the Flux Operator's manifest (examples/dist/flux-operator.yaml).",
            code="operator-manifest",
        )
