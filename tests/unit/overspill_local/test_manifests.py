import pytest
import yaml

from overspill_local.kube import schema
from overspill_local.kube.definitions import declared_resources, definition_errors
from overspill_local.manifests import flux_operator_path

LIST_AND_TABLE_SPEC = {
    "size": 4,
    "minSize": 1,
    "maxSize": 8,
    "interactive": True,
    "deadlineSeconds": 7200,
    "network": {"headlessName": "flux-service"},
    "logging": {"quiet": True},
    "containers": [
        {
            "name": "app",
            "image": "ghcr.io/example/app@sha256:0",
            "command": "sleep inf",
            "runFlux": True,
            "commands": {"pre": "cp a b", "brokerPre": "true", "workerPre": "true"},
            "environment": {"FLUX_HOME": "/mnt"},
            "volumes": {
                "keys": {"secretName": "burst-keys", "path": "/keys", "readOnly": True},
                "config": {"configMapName": "c", "path": "/c", "items": {"a": "a"}},
            },
            "resources": {"limits": {"cpu": 4, "memory": "8Gi"}, "requests": {"cpu": "500m"}},
            "securityContext": {"privileged": False, "capabilities": {"add": ["SYS_PTRACE"]}},
        }
    ],
    "flux": {
        "brokerConfig": "",
        "minimalService": True,
        "logLevel": 6,
        "topology": "flat",
        "connectTimeout": "30s",
        "optionFlags": "-Sbroker.rc2_none",
        "container": {"image": "ghcr.io/example/view", "mountPath": "/mnt/flux"},
        "scheduler": {"simple": True},
        "bursting": {
            "leadBroker": {"address": "10.0.0.1", "name": "lead", "size": 2},
            "clusters": [{"name": "burst-0", "size": 4}],
        },
    },
    "pod": {
        "labels": {"burst": "b"},
        "nodeSelector": {"pool": "burst"},
        "serviceAccountName": "burst",
        "tolerations": [{"key": "burst", "operator": "Exists", "effect": "NoSchedule"}],
        "resources": {"limits": 1},
    },
}


@pytest.fixture(scope="module")
def documents():
    return list(yaml.safe_load_all(flux_operator_path().read_text()))


@pytest.fixture(scope="module")
def definition(documents):
    return next(each for each in documents if each["kind"] == "CustomResourceDefinition")


@pytest.fixture(scope="module")
def minicluster_schema(definition):
    (resource,) = declared_resources(definition)
    return resource.schema


def test_manifest_holds_an_installation_namespace_first(documents):
    assert [each["kind"] for each in documents] == [
        "Namespace",
        "CustomResourceDefinition",
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "Deployment",
    ]


def test_manifest_binds_the_role_to_the_deployments_account(documents):
    objects = {each["kind"]: each for each in documents}
    account = objects["ServiceAccount"]["metadata"]
    subject = objects["ClusterRoleBinding"]["subjects"][0]
    assert (subject["name"], subject["namespace"]) == (account["name"], account["namespace"])
    assert objects["ClusterRoleBinding"]["roleRef"]["name"] == objects["ClusterRole"]["metadata"]["name"]
    assert objects["Deployment"]["spec"]["template"]["spec"]["serviceAccountName"] == account["name"]
    assert account["namespace"] == objects["Namespace"]["metadata"]["name"]


def test_definition_can_be_served(definition):
    assert list(definition_errors(definition, None)) == []


def test_definition_declares_status_and_scale(definition):
    (resource,) = declared_resources(definition)
    assert (resource.api_version, resource.kind) == ("flux-framework.org/v1alpha2", "MiniCluster")
    assert resource.subresources == ("status", "scale")
    assert resource.scale.replicas == ("spec", "size")


def test_minicluster_of_every_kind_of_field_is_kept(minicluster_schema):
    stored, errors = schema.conform(minicluster_schema, {"spec": LIST_AND_TABLE_SPEC})
    assert errors == []
    assert list(schema.undeclared_fields(minicluster_schema, {"spec": LIST_AND_TABLE_SPEC})) == []
    assert stored["spec"]["flux"]["bursting"]["leadBroker"]["port"] == 8050
    assert stored["spec"]["containers"][0]["pullAlways"] is False


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"size": "4", "containers": []}, "spec.size"),
        ({"size": 4}, "spec.containers"),
        ({"containers": [{"command": ["sleep", "inf"]}]}, "spec.containers[0].command"),
        ({"containers": [{"environment": {"A": 1}}]}, "spec.containers[0].environment.A"),
        ({"containers": [{"volumes": {"v": {"readOnly": "yes"}}}]}, "spec.containers[0].volumes.v.readOnly"),
        ({"containers": [{"resources": {"limits": {"memory": "8 GB"}}}]}, "spec.containers[0].resources.limits.memory"),
        (
            {"containers": [], "flux": {"bursting": {"leadBroker": {"name": "a", "size": 1}}}},
            "spec.flux.bursting.leadBroker.address",
        ),
        ({"containers": [], "deadlineSeconds": "1h"}, "spec.deadlineSeconds"),
        ({"containers": [], "maxSize": 2**31}, "spec.maxSize"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_minicluster_with_a_wrong_field_is_refused_naming_it(minicluster_schema, spec, field):
    _, errors = schema.conform(minicluster_schema, {"spec": spec})
    assert [each.field for each in errors] == [field]


def test_status_wants_what_the_operator_always_writes(minicluster_schema):
    _, errors = schema.conform(minicluster_schema, {"spec": {"containers": []}, "status": {"size": 1}})
    assert {each.field for each in errors} == {"status.jobid", "status.maximumSize", "status.selector"}
