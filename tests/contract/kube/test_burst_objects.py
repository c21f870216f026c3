"""The objects of a burst as each API server takes them: against the CRD's schema, and what is built in."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
import yaml

from overspill_local.manifests import flux_operator_path
from overspill_shared import minicluster, volume_objects
from overspill_shared.adapters.kubernetes_api import KubernetesApiClient
from overspill_shared.burst_metadata import namespace_name
from overspill_shared.errors import CloudError

VOLUMES = [
    {"name": "in", "mount_path": "/data/in", "read_only": True, "gcs_bucket": "lab-in"},
    {"name": "home", "mount_path": "/home", "nfs": {"server": "10.0.0.2", "path": "/vol1"}},
    {"name": "scratch", "mount_path": "/scratch", "claim": "storage/scratch"},
]
EXISTING = {
    "spec": {
        "nfs": {"server": "10.0.0.3", "path": "/vol2"},
        "capacity": {"storage": "7Ti"},
        "accessModes": ["ReadWriteMany"],
    }
}


@pytest.fixture
def kubernetes(backend):
    endpoint = backend.host.removeprefix("https://")
    ca_pem = Path(backend.ca_file).read_bytes()
    adapter = KubernetesApiClient(endpoint, ca_pem, lambda: backend.token, retry_for_s=5)
    with contextlib.closing(adapter) as kubernetes:
        for document in yaml.safe_load_all(flux_operator_path().read_text()):
            kubernetes.apply(document)
        yield kubernetes


def missing(wanted, found, path=""):
    """Give the paths of what was sent and is not there: a server drops what a schema does not know."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [
            gap for key, value in wanted.items() for gap in missing(value, found.get(key, "absent"), f"{path}.{key}")
        ]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [gap for index, value in enumerate(wanted) for gap in missing(value, found[index], f"{path}[{index}]")]
    return [] if wanted == found or wanted in (None, "", [], {}, False) else [f"{path}: {wanted} is {found}"]


@pytest.mark.parametrize("has_pools", [True, False])
def test_minicluster_and_all_its_objects_are_taken_as_they_are(kubernetes, burst_request, keys, has_pools):
    template = {"volumes": VOLUMES, "machine_type": "g2-standard-24", "gpus": 2, "cores": 12}
    request = burst_request(template=template, runtime={"topology": "kary:0"}, generation=10 + has_pools)
    objects = [
        minicluster.build_namespace(request),
        minicluster.build_secret(request, keys),
        *volume_objects.build_export(request, request.template.volumes[1]),
        *volume_objects.build_claim(request, request.template.volumes[2], EXISTING),
        minicluster.build_minicluster(request, now=time.time(), has_pools=has_pools),
    ]

    for manifest in objects:
        kubernetes.apply(manifest)

    for manifest in objects:
        metadata = manifest["metadata"]
        found = kubernetes.read(
            manifest["apiVersion"], manifest["kind"], metadata["name"], namespace=metadata.get("namespace")
        )
        assert missing(manifest, found, manifest["kind"]) == []


def test_minicluster_takes_another_size_and_keeps_the_rest(kubernetes, burst_request):
    request = burst_request(generation=20)
    kubernetes.apply(minicluster.build_namespace(request))
    kubernetes.apply(minicluster.build_minicluster(request, now=request.requested_at))
    before = kubernetes.list("flux-framework.org/v1alpha2", "MiniCluster", namespace=namespace_name(request))

    larger = request.model_copy(update={"size": 2, "revision": 2})
    kubernetes.apply(minicluster.build_minicluster(larger, now=request.requested_at))

    after = kubernetes.list("flux-framework.org/v1alpha2", "MiniCluster", namespace=namespace_name(request))
    assert [{**item["spec"], "size": 2} for item in before] == [item["spec"] for item in after]


def test_minicluster_of_a_wrong_type_is_refused_naming_the_field(kubernetes, burst_request):
    request = burst_request(generation=30)
    kubernetes.apply(minicluster.build_namespace(request))
    wrong = minicluster.build_minicluster(request, now=request.requested_at)
    wrong["spec"]["pod"]["tolerations"] = "all"

    with pytest.raises(CloudError, match=r"spec\.pod\.tolerations"):
        kubernetes.apply(wrong)
