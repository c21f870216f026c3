import copy

import pytest

from overspill_provision.operator_install import (
    HASH_ANNOTATION,
    install_operator,
    missing_of_operator,
    prepare_operator,
)
from overspill_shared.errors import ConfigError
from overspill_shared.pods import Pod, PodPhase, Trouble

DIGEST = "ghcr.io/flux-framework/flux-operator@sha256:" + "a" * 64
ANOTHER = "ghcr.io/flux-framework/flux-operator@sha256:" + "b" * 64
KINDS = ["CustomResourceDefinition", "Namespace", "ServiceAccount", "Deployment"]
PROXY = "example.org/proxy@sha256:" + "c" * 64


@pytest.fixture
def documents():
    def document(api_version, kind, name, *, namespace="operator", **more):
        metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}

    containers = [{"name": "proxy", "image": PROXY}, {"name": "manager", "image": "operator:latest"}]
    spec = {"selector": {"matchLabels": {"app": "operator"}}, "template": {"spec": {"containers": containers}}}
    return (
        document("apps/v1", "Deployment", "operator", spec=spec),
        document(
            "apiextensions.k8s.io/v1", "CustomResourceDefinition", "miniclusters.flux-framework.org", namespace=None
        ),
        document("v1", "Namespace", "operator", namespace=None),
        document("v1", "ServiceAccount", "operator"),
    )


@pytest.fixture
def kubernetes(kubernetes):
    kubernetes.add_namespace("operator")
    return kubernetes


@pytest.fixture
def operator(documents):
    return prepare_operator(documents, image=DIGEST)


def test_prepare_pins_the_manager_s_image_and_puts_the_deployment_last(documents, operator):
    before = copy.deepcopy(documents)
    images = [item["image"] for item in operator[-1]["spec"]["template"]["spec"]["containers"]]

    assert [item["kind"] for item in operator] == KINDS
    assert images == [PROXY, DIGEST]
    assert documents == before


def test_prepare_image_of_the_manifest_that_has_a_digest_is_kept(documents):
    documents[0]["spec"]["template"]["spec"]["containers"][1]["image"] = DIGEST

    assert prepare_operator(documents, image=None) == prepare_operator(documents, image=DIGEST)


def test_prepare_another_container_without_a_digest_is_refused(documents):
    documents[0]["spec"]["template"]["spec"]["containers"][0]["image"] = "proxy:1"

    with pytest.raises(ConfigError, match=r"proxy:1 .* is not pinned"):
        prepare_operator(documents, image=DIGEST)


@pytest.mark.parametrize("image", [None, "operator:1.2", "operator@sha256:abc"])
def test_prepare_image_without_a_digest_is_refused_with_the_setting_s_name(documents, image):
    with pytest.raises(ConfigError, match=r"not pinned.*operator_image") as caught:
        prepare_operator(documents, image=image)

    assert caught.value.code == "operator-image"


def test_prepare_any_change_changes_the_hash(documents, operator):
    def hash_of(prepared):
        return prepared[-1]["metadata"]["annotations"][HASH_ANNOTATION]

    documents[3]["metadata"]["labels"] = {"a": "b"}

    assert hash_of(prepare_operator(documents, image=DIGEST)) != hash_of(operator)
    assert hash_of(prepare_operator(documents, image=ANOTHER)) != hash_of(operator)


@pytest.mark.parametrize(
    ("lacking", "text"), [(1, r"does not define miniclusters\.flux-framework\.org"), (0, "has 0 Deployments")]
)
def test_prepare_manifest_of_something_else_is_refused(documents, lacking, text):
    rest = documents[:lacking] + documents[lacking + 1 :]

    with pytest.raises(ConfigError, match=text):
        prepare_operator(rest, image=DIGEST)


def test_prepare_deployment_whose_containers_cannot_be_told_apart_is_refused(documents):
    for container in documents[0]["spec"]["template"]["spec"]["containers"]:
        container["name"] += "-x"

    with pytest.raises(ConfigError, match="2 containers, and none called manager"):
        prepare_operator(documents, image=DIGEST)


def test_install_applies_all_of_it_once(kubernetes, operator):
    install_operator(kubernetes, operator)
    install_operator(kubernetes, operator)

    assert kubernetes.applied == KINDS


def test_install_another_manifest_or_image_is_applied_over_it(kubernetes, documents, operator):
    install_operator(kubernetes, operator)

    install_operator(kubernetes, prepare_operator(documents, image=ANOTHER))

    assert kubernetes.applied.count("Deployment") == 2


def test_install_killed_anywhere_and_repeated_is_whole(kubernetes, operator, faults, interrupted):
    for point in range(20):
        faults.calls.clear()
        faults.kill_at = point
        try:
            install_operator(kubernetes, operator)
        except interrupted:
            continue
        break

    assert point == 5
    assert {kind for kind, *_ in kubernetes.objects} >= set(KINDS)


def test_missing_is_told_until_definition_and_deployment_are_ready(kubernetes, operator):
    kubernetes.is_established = kubernetes.is_available = False
    install_operator(kubernetes, operator)

    assert "not established" in missing_of_operator(kubernetes, operator)
    kubernetes.is_established = True
    assert missing_of_operator(kubernetes, operator) == "the Flux Operator does not run yet"
    kubernetes.is_available = True
    assert missing_of_operator(kubernetes, operator) == ""


def test_missing_operator_says_why_its_pod_does_not_run(kubernetes, operator):
    trouble = Trouble(reason="ImagePullBackOff", text="Back-off pulling image")
    kubernetes.list_pods = lambda namespace, selector: (
        Pod(name=f"{namespace} {selector}", phase=PodPhase.PENDING, trouble=trouble),
    )
    kubernetes.is_available = False
    install_operator(kubernetes, operator)

    assert missing_of_operator(kubernetes, operator) == (
        "the Flux Operator does not run yet: 1 pod ImagePullBackOff: Back-off pulling image"
    )


def test_missing_operator_that_changes_is_not_the_one_that_runs(kubernetes, operator):
    install_operator(kubernetes, operator)
    found = kubernetes.objects["Deployment", "operator", "operator"]
    kubernetes.objects["Deployment", "operator", "operator"] = {
        **found,
        "metadata": {**found["metadata"], "generation": 2},
    }

    assert missing_of_operator(kubernetes, operator) == "the Flux Operator does not run yet"


def test_install_of_a_cluster_s_own_operator_touches_nothing(kubernetes, operator):
    kubernetes.apply(operator[0])
    before = list(kubernetes.applied)

    install_operator(kubernetes, ())

    assert kubernetes.applied == before
    assert missing_of_operator(kubernetes, ()) == ""


def test_install_of_a_cluster_s_own_operator_that_is_not_there_says_what_to_do(kubernetes):
    with pytest.raises(ConfigError, match="no Flux Operator") as caught:
        install_operator(kubernetes, ())

    assert "operator_manifest" in caught.value.remedy
