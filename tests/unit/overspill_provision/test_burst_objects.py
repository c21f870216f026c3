import dataclasses

import pytest
from tests.fakes import NOW

from overspill_provision.burst_objects import deploy, observe_objects, resize
from overspill_provision.steps import BurstObjects
from overspill_shared import lease
from overspill_shared.errors import CloudError, ConfigError, Conflict, NotYet

EXPORT = {"name": "home", "mount_path": "/home", "nfs": {"server": "10.0.0.2", "path": "/vol1"}}
CLAIM = {"name": "lustre", "mount_path": "/scratch", "claim": "storage/lustre"}


@pytest.fixture
def deploy_once(kubernetes, installation, keys, clock):
    def run(request, pause=lambda _: None):
        deploy(request, keys, kubernetes, installation, now=clock.now(), pause=pause)

    return run


def no_time(waiting_for):
    raise NotYet(waiting_for)


def test_deploy_begins_with_the_lease_and_ends_with_the_minicluster(deploy_once, kubernetes, burst_request):
    deploy_once(burst_request())

    assert kubernetes.applied[:2] == ["Namespace", "Lease"]
    assert kubernetes.applied[-1] == "MiniCluster"
    assert set(kubernetes.applied) == {
        "CustomResourceDefinition",
        "Namespace",
        "Lease",
        "Secret",
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "ConfigMap",
        "Deployment",
        "MiniCluster",
    }


def test_deploy_again_leaves_a_lease_that_was_renewed_and_goes_by_it(deploy_once, kubernetes, burst_request, clock):
    deploy_once(burst_request())
    key = next(key for key in kubernetes.objects if key[0] == "Lease")
    renewed = kubernetes.objects[key] = lease.renew_lease(
        {**kubernetes.objects[key], "metadata": {**kubernetes.objects[key]["metadata"], "uid": "u"}},
        expires_at=NOW + 1800,
        now=NOW + 600,
    )
    clock.time = burst_request().expires_at + 1  # the first lease would be over

    with pytest.raises(Conflict):
        deploy_once(burst_request())

    assert kubernetes.objects[key] is renewed


def test_deploy_of_a_burst_whose_lease_has_lapsed_makes_nothing_more(deploy_once, kubernetes, burst_request, clock):
    clock.time = burst_request().expires_at

    with pytest.raises(CloudError, match="did not renew") as caught:
        deploy_once(burst_request())

    assert (caught.value.code, caught.value.retryable) == ("lease-lapsed", False)
    assert kubernetes.applied == ["Namespace"]


def test_deploy_waits_until_the_operator_runs_and_serves_its_kind(deploy_once, kubernetes, burst_request):
    kubernetes.is_established = kubernetes.is_available = False
    waits = []

    def pause(waiting_for):
        waits.append(waiting_for)
        kubernetes.is_established = len(waits) >= 2
        kubernetes.is_available = len(waits) >= 3

    deploy_once(burst_request(), pause)

    assert waits == [
        "the MiniCluster definition is not established yet",
        "the MiniCluster definition is not established yet",
        "the Flux Operator does not run yet",
    ]
    assert kubernetes.applied[-1] == "MiniCluster"


def test_deploy_operator_that_never_runs_ends_with_the_time(deploy_once, kubernetes, burst_request):
    kubernetes.is_available = False

    with pytest.raises(NotYet, match="does not run yet"):
        deploy_once(burst_request(), no_time)

    assert "MiniCluster" not in kubernetes.applied


def test_deploy_volumes_are_bound_once_and_left_alone_then(deploy_once, kubernetes, burst_request):
    claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": "lustre"}, "spec": {"volumeName": "pv-1"}}
    spec = {"nfs": {"server": "10.0.0.3", "path": "/"}, "accessModes": ["ReadWriteMany"]}
    existing = {"kind": "PersistentVolume", "metadata": {"name": "pv-1"}, "spec": spec}
    kubernetes.objects["PersistentVolumeClaim", "lustre", "storage"] = claim
    kubernetes.objects["PersistentVolume", "pv-1", None] = existing
    request = burst_request(template={"volumes": [EXPORT, CLAIM]})

    deploy_once(request)
    with pytest.raises(Conflict):
        deploy_once(request)

    kinds = [kind for kind in kubernetes.applied if kind.startswith("PersistentVolume")]
    assert sorted(kinds) == ["PersistentVolume"] * 2 + ["PersistentVolumeClaim"] * 2


@pytest.mark.parametrize(
    ("claim", "text"), [(None, "does not exist"), ({"spec": {}}, "is bound to no volume")], ids=["none", "unbound"]
)
def test_deploy_volume_of_a_claim_that_is_none_is_a_wrong_template(deploy_once, kubernetes, burst_request, claim, text):
    if claim:
        kubernetes.objects["PersistentVolumeClaim", "lustre", "storage"] = {"kind": "PersistentVolumeClaim", **claim}

    with pytest.raises(ConfigError, match=rf"the claim storage/lustre {text}"):
        deploy_once(burst_request(template={"volumes": [CLAIM]}))

    assert "MiniCluster" not in kubernetes.applied


def test_deploy_of_a_burst_that_another_delivery_has_made_leaves_its_minicluster(
    deploy_once, kubernetes, burst_request
):
    deploy_once(burst_request(size=4, revision=1))

    with pytest.raises(Conflict, match="has made the MiniCluster"):
        deploy_once(burst_request(size=1, revision=1))

    assert kubernetes.sizes == [4]


def test_resize_over_a_minicluster_that_changed_meanwhile_is_a_conflict(deploy_once, kubernetes, burst_request, faults):
    deploy_once(burst_request(size=1))

    def grow_further():
        resize(burst_request(size=4, revision=3), kubernetes, made_at=NOW, has_pools=True)

    faults.meanwhile = {len(faults.calls) + 4: grow_further}
    assert faults.calls[-1] == "create MiniCluster"
    with pytest.raises(Conflict):
        resize(burst_request(size=2, revision=2), kubernetes, made_at=NOW, has_pools=True)

    assert kubernetes.sizes == [1, 4]
    assert observe_objects(burst_request(), kubernetes).revision == 3


def test_resize_of_an_older_revision_changes_nothing(deploy_once, kubernetes, burst_request):
    deploy_once(burst_request(size=4, revision=2))

    with pytest.raises(Conflict, match="revision 2 was begun"):
        resize(burst_request(size=1, revision=1), kubernetes, made_at=NOW, has_pools=True)

    assert observe_objects(burst_request(), kubernetes).revision == 2
    assert kubernetes.sizes == [4]


def test_resize_and_deploy_keep_to_the_pools_that_there_are(kubernetes, installation, keys, burst_request):
    request = burst_request()

    def selector():
        (found,) = kubernetes.list("flux-framework.org/v1alpha2", "MiniCluster")
        return found["spec"]["pod"].get("nodeSelector")

    without = dataclasses.replace(installation, has_pools=False)
    deploy(request, keys, kubernetes, without, now=NOW, pause=no_time)
    assert selector() is None
    resize(request, kubernetes, made_at=NOW, has_pools=True)
    assert selector() == {"overspill/pool": "burst"}


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
