import pytest
from tests.fakes import NOW

from overspill_provision.burst_objects import check_operator_manifest, deploy, observe_objects
from overspill_provision.steps import BurstObjects
from overspill_shared.errors import ConfigError, NotYet


@pytest.fixture
def deploy_once(kubernetes, operator_manifest, keys, clock):
    def run(request, pause=lambda _: None):
        deploy(request, keys, kubernetes, operator_manifest=operator_manifest, now=clock.now(), pause=pause)

    return run


def test_deploy_creates_the_minicluster_after_all_it_needs(deploy_once, kubernetes, burst_request):
    deploy_once(burst_request())

    assert kubernetes.applied == [
        "CustomResourceDefinition",
        "Namespace",
        "Deployment",
        "Namespace",
        "Secret",
        "Lease",
        "MiniCluster",
    ]


def test_deploy_again_leaves_a_lease_that_was_renewed(deploy_once, kubernetes, burst_request):
    deploy_once(burst_request())
    key = next(key for key in kubernetes.objects if key[0] == "Lease")
    renewed = kubernetes.objects[key] = {**kubernetes.objects[key], "spec": {"renewed": True}}

    deploy_once(burst_request())

    assert kubernetes.objects[key] is renewed


def test_deploy_waits_until_the_definition_is_established(deploy_once, kubernetes, burst_request):
    kubernetes.is_established = False
    waits = []

    def pause(waiting_for):
        waits.append(waiting_for)
        kubernetes.is_established = len(waits) == 2

    deploy_once(burst_request(), pause)

    assert len(waits) == 2
    assert "MiniCluster" in kubernetes.applied


def test_deploy_definition_never_established_ends_with_the_time(deploy_once, kubernetes, burst_request):
    kubernetes.is_established = False

    def no_time(waiting_for):
        raise NotYet(waiting_for)

    with pytest.raises(NotYet, match="not established"):
        deploy_once(burst_request(), no_time)

    assert "Secret" not in kubernetes.applied


def test_deploy_keys_go_into_the_secret_only(deploy_once, kubernetes, burst_request):
    deploy_once(burst_request())

    kinds = {kind for (kind, *_), manifest in kubernetes.objects.items() if "overspill-keys" in str(manifest)}
    assert kinds == {"Secret", "MiniCluster"}
    assert "canary" not in str([manifest for key, manifest in kubernetes.objects.items() if key[0] != "Secret"])


def test_observe_objects_of_an_empty_cluster(kubernetes, burst_request):
    assert observe_objects(burst_request(), kubernetes) == BurstObjects()


def test_observe_objects_after_deploy_sees_every_pod(deploy_once, kubernetes, burst_request):
    deploy_once(burst_request(size=3))

    objects = observe_objects(burst_request(size=3), kubernetes)

    assert (objects.revision, objects.size, objects.made_at) == (1, 3, NOW)
    assert len(objects.pods) == 3


def test_check_operator_manifest_without_the_definition_is_refused(operator_manifest):
    check_operator_manifest(operator_manifest)

    with pytest.raises(ConfigError, match=r"miniclusters\.flux-framework\.org"):
        check_operator_manifest(operator_manifest[1:])
