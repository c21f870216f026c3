import contextlib

import pytest
import yaml
from kubernetes import client

from overspill_local.manifests import flux_operator_path

GROUP, VERSION, PLURAL = "flux-framework.org", "v1alpha2", "miniclusters"
DEFINITION = "miniclusters.flux-framework.org"


@pytest.fixture
def install(dynamic_client):
    """Return a function that applies the manifest and returns what is stored, by kind."""

    def apply():
        stored = {}
        for body in yaml.safe_load_all(flux_operator_path().read_text()):
            resource = dynamic_client.resources.get(api_version=body["apiVersion"], kind=body["kind"])
            applied = resource.server_side_apply(body, field_manager="overspill", force_conflicts=True)
            stored[body["kind"]] = applied.to_dict()
        return stored

    return apply


@pytest.fixture
def minicluster(install, api, custom, namespace, eventually):
    """Return a function that creates a MiniCluster in the test's namespace."""
    install()

    def is_served():
        definition = client.ApiextensionsV1Api(api).read_custom_resource_definition(DEFINITION)
        conditions = {each.type: each.status for each in definition.status.conditions or []}
        # A real server answers 404 for a moment more.
        with contextlib.suppress(client.ApiException):
            return conditions.get("Established") == "True" and custom.get_api_resources(GROUP, VERSION).resources
        return False

    eventually(is_served, "MiniClusters are served")

    def create(**spec):
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "MiniCluster", "metadata": {"name": "burst"}}
        return custom.create_namespaced_custom_object(GROUP, VERSION, namespace, PLURAL, body | {"spec": spec})

    return create


def test_manifest_applied_twice_changes_nothing(install, api, eventually):
    first = install()
    extensions = client.ApiextensionsV1Api(api)
    eventually(
        lambda: len(extensions.read_custom_resource_definition(DEFINITION).status.conditions or []) >= 2,
        "the definition has settled",
    )
    # Meanwhile a real server has written the definition's status.
    first["CustomResourceDefinition"] = install()["CustomResourceDefinition"]
    assert install() == first


def test_minicluster_gets_the_operators_defaults(minicluster):
    created = minicluster(containers=[{"command": "hostname"}], flux={})
    assert created["spec"]["size"] == 1
    assert created["spec"]["deadlineSeconds"] == 31500000
    assert created["spec"]["flux"] == {"connectTimeout": "5s", "logLevel": 6}


def test_minicluster_of_a_wrong_type_is_refused_naming_the_field(minicluster, refused):
    with refused(422) as status:
        minicluster(size="four", containers=[{"command": "hostname"}])
    assert "spec.size" in {cause["field"] for cause in status["details"]["causes"]}


def test_minicluster_is_resized_through_its_scale(minicluster, custom, namespace):
    minicluster(size=2, containers=[{"command": "hostname"}])
    path = (GROUP, VERSION, namespace, PLURAL, "burst")
    custom.patch_namespaced_custom_object_scale(*path, {"spec": {"replicas": 4}})
    assert custom.get_namespaced_custom_object(*path)["spec"]["size"] == 4


def test_deployment_is_what_the_manifest_says(install, api):
    install()
    deployment = client.AppsV1Api(api).read_namespaced_deployment("operator-controller-manager", "operator-system")
    assert deployment.spec.template.spec.service_account_name == "operator-controller-manager"
    assert not deployment.status.ready_replicas
