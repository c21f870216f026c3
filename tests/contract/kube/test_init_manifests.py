"""What `overspill init` writes, applied to an API server as `kubectl apply --server-side` does it."""

import contextlib

import pytest
import yaml
from kubernetes import client

from overspill_agent import cli
from overspill_local.manifests import flux_operator_path

DEFINITION = "miniclusters.flux-framework.org"
CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding"}
SLOTS = ("--slot=burst-0=4:cores=4", "--slot=gpu-0=2:cores=8,gpus=1,template=gpu")


@pytest.fixture
def served_miniclusters(dynamic_client, api, eventually):
    for body in yaml.safe_load_all(flux_operator_path().read_text()):
        if body["kind"] == "CustomResourceDefinition":
            resource = dynamic_client.resources.get(api_version=body["apiVersion"], kind=body["kind"])
            resource.server_side_apply(body, field_manager="overspill", force_conflicts=True)

    def is_served():
        definition = client.ApiextensionsV1Api(api).read_custom_resource_definition(DEFINITION)
        conditions = {each.type: each.status for each in definition.status.conditions or []}
        # A real server answers 404 for a moment more.
        with contextlib.suppress(client.ApiException):
            served = client.CustomObjectsApi(api).get_api_resources("flux-framework.org", "v1alpha2").resources
            return conditions.get("Established") == "True" and served
        return False

    eventually(is_served, "MiniClusters are served")


@pytest.fixture
def apply(dynamic_client, served_miniclusters):
    def apply(body):
        resource = dynamic_client.resources.get(api_version=body["apiVersion"], kind=body["kind"])
        # Strict: what the schema does not know is refused, instead of dropped.
        applied = resource.server_side_apply(body, field_manager="test", query_params=[("fieldValidation", "Strict")])
        return applied.to_dict()

    return apply


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--router", "--scheduler=simple"),
        ("--service=nodeport", "--uid=1000", "--service-account=overspill-agent@my-project.iam.gserviceaccount.com"),
        ("--slot=large-0=400:cores=2,template=large",),
    ],
    ids=["defaults", "router", "node-port", "large"],
)
def test_manifests_of_init_are_accepted_whole(apply, namespace, tmp_path, options, capsys):
    arguments = ["init", str(tmp_path), "--size=2", "--cores=4", f"--namespace={namespace}", *SLOTS, *options]
    assert cli.run(arguments) == 0
    written = [body for file in sorted(tmp_path.glob("*.yaml")) for body in yaml.safe_load_all(file.read_text())]

    for body in written:
        stored = apply(body)

        assert lacking(body, stored) == []
        assert stored["metadata"].get("namespace") == (None if body["kind"] in CLUSTER_WIDE else namespace)
    assert {body["kind"] for body in written} >= {"MiniCluster", "ConfigMap", "Service", "ServiceAccount", "Role"}


def lacking(sent, stored, path=""):
    """Give where something that was sent is not what is stored: a field that the schema does not know is dropped."""
    if isinstance(sent, dict) and isinstance(stored, dict):
        return [item for key, value in sent.items() for item in lacking(value, stored.get(key), f"{path}.{key}")]
    if isinstance(sent, list) and isinstance(stored, list) and len(sent) == len(stored):
        return [item for place, value in enumerate(sent) for item in lacking(value, stored[place], f"{path}[{place}]")]
    return [] if sent == stored else [f"{path}: {sent!r} became {stored!r}"]
