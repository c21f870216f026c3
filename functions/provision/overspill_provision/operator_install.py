"""The Flux Operator in a burst's cluster: which objects it consists of, whether they are there, and putting them there.

The manifest is pinned by its hash (`adapters.operator_manifest`), its image by digest: what runs is what was chosen.
All effects go through the KubernetesApi port.
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any, Final

from overspill_shared.errors import ConfigError
from overspill_shared.names import content_hash
from overspill_shared.pods import troubles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from overspill_shared.ports import KubernetesApi

CRD: Final = ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "miniclusters.flux-framework.org")
HASH_ANNOTATION: Final = "overspill.dev/manifest-sha256"
"""On the operator's Deployment, which is applied last: where it has the right value, all the rest is right too."""

Manifest = dict[str, Any]


def prepare_operator(documents: Iterable[Manifest], *, image: str | None) -> tuple[Manifest, ...]:
    """Give the operator's objects as they are installed: with `image`, if given, and the Deployment last.

    Raises ConfigError if the kind MiniCluster or the Deployment is missing, or the image is not pinned by its digest.
    """
    documents = tuple(documents)
    if not any((item["apiVersion"], item["kind"], item["metadata"].get("name")) == CRD for item in documents):
        raise _unusable(f"operator_manifest does not define {CRD[2]}")
    deployments = [item for item in documents if item["kind"] == "Deployment"]
    if len(deployments) != 1:
        raise _unusable(f"operator_manifest has {len(deployments)} Deployments, not one")
    deployment = copy.deepcopy(deployments[0])
    _pin(deployment, image)
    rest = [item for item in documents if item["kind"] != "Deployment"]
    annotations = deployment["metadata"].setdefault("annotations", {})
    annotations[HASH_ANNOTATION] = content_hash([*rest, deployment])
    return (*rest, deployment)


def install_operator(kubernetes: KubernetesApi, operator: Sequence[Manifest]) -> None:
    """Apply the operator's objects, unless they are there as they should be.

    An empty `operator` is the cluster's own, and left alone. Raises CloudError, or ConfigError if there is none then.
    """
    if not operator:
        _check_own_operator(kubernetes)
        return
    wanted = operator[-1]
    found = _read_deployment(kubernetes, operator)
    if found is not None and _hash(found) == _hash(wanted):
        return
    for document in operator:
        kubernetes.apply(document)


def missing_of_operator(kubernetes: KubernetesApi, operator: Sequence[Manifest]) -> str:
    """Say what is missing until the operator runs, and its kind is served; empty if nothing is. Raises CloudError."""
    if not _has(kubernetes.read(*CRD), "Established"):
        return "the MiniCluster definition is not established yet"
    if not operator:
        return ""
    found = _read_deployment(kubernetes, operator) or {"metadata": {}}
    status = found.get("status") or {}
    if _has(found, "Available") and status.get("observedGeneration", 0) >= found["metadata"].get("generation", 0):
        return ""
    labels = operator[-1]["spec"]["selector"]["matchLabels"]
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    why = troubles(kubernetes.list_pods(operator[-1]["metadata"]["namespace"], selector))
    return "the Flux Operator does not run yet" + (f": {why}" if why else "")


def _check_own_operator(kubernetes: KubernetesApi) -> None:
    if kubernetes.read(*CRD) is None:
        raise ConfigError(
            "the existing cluster has no Flux Operator: it does not know MiniClusters.",
            remedy="Install the operator there, or set operator_manifest to have it installed.",
            code="operator-missing",
        )


def _read_deployment(kubernetes: KubernetesApi, operator: Sequence[Manifest]) -> Manifest | None:
    metadata = operator[-1]["metadata"]
    return kubernetes.read(
        operator[-1]["apiVersion"], operator[-1]["kind"], metadata["name"], namespace=metadata["namespace"]
    )


def _has(found: Mapping[str, Any] | None, condition: str) -> bool:
    conditions = ((found or {}).get("status") or {}).get("conditions") or ()
    return any(item.get("type") == condition and item.get("status") == "True" for item in conditions)


def _hash(deployment: Mapping[str, Any]) -> str | None:
    annotations: Mapping[str, str] = deployment["metadata"].get("annotations") or {}
    return annotations.get(HASH_ANNOTATION)


def _pin(deployment: Manifest, image: str | None) -> None:
    """Give the operator's own container `image`; every image must have a digest then."""
    containers: list[dict[str, Any]] = deployment["spec"]["template"]["spec"]["containers"]
    own = [item for item in containers if item["name"] == "manager"] or containers
    if len(own) != 1:
        raise _unusable(f"operator_manifest's Deployment has {len(own)} containers, and none called manager")
    if image is not None:
        own[0]["image"] = image
    for container in containers:
        if not re.search(r"@sha256:[0-9a-f]{64}$", container.get("image", "")):
            raise ConfigError(
                f"the image {container.get('image')} of the Flux Operator's container {container['name']} is not"
                " pinned by its digest.",
                remedy="Set operator_image to IMAGE@sha256:DIGEST; `crane digest IMAGE` tells the digest of what a tag"
                " names today.",
                code="operator-image",
            )


def _unusable(text: str) -> ConfigError:
    return ConfigError(
        f"{text}.",
        remedy="Give the Flux Operator's manifest (examples/dist/flux-operator.yaml).",
        code="operator-manifest",
    )
