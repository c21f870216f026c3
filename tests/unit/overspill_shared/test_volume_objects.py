import pytest

from overspill_shared import volume_objects
from overspill_shared.errors import ConfigError

BUCKET = {"name": "in", "mount_path": "/data/in", "read_only": True, "gcs_bucket": "lab-in"}
EXPORT = {"name": "home", "mount_path": "/home", "nfs": {"server": "10.0.0.2", "path": "/vol1"}}
CLAIM = {"name": "lustre", "mount_path": "/scratch", "claim": "storage/lustre"}
CSI = {"driver": "lustre.example.org", "volumeHandle": "fs-1", "volumeAttributes": {"a": "b"}}


@pytest.fixture
def request_with(burst_request):
    return lambda *volumes, **more: burst_request(template={"volumes": list(volumes)}, **more)


@pytest.fixture
def existing():
    """The PersistentVolume that an existing claim is bound to."""
    return {
        "metadata": {"name": "pv-1", "uid": "u"},
        "spec": {
            "csi": CSI,
            "capacity": {"storage": "7Ti"},
            "accessModes": ["ReadWriteMany"],
            "mountOptions": ["flock"],
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": "lustre",
            "claimRef": {"namespace": "storage", "name": "lustre", "uid": "u2"},
        },
        "status": {"phase": "Bound"},
    }


def test_bucket_is_mounted_at_the_lead_s_path_as_the_owner_s(request_with):
    request = request_with(BUCKET, runtime={"uid": 1234, "gid": 99})

    assert volume_objects.mounts(request) == {
        "volume-in": {
            "path": "/data/in",
            "readOnly": True,
            "csiDriver": "gcsfuse.csi.storage.gke.io",
            "csiDriverAttributes": {"bucketName": "lab-in", "mountOptions": "implicit-dirs,uid=1234,gid=99"},
        }
    }
    assert volume_objects.pod_annotations(request)["gke-gcsfuse/volumes"] == "true"


def test_pods_without_a_bucket_have_no_sidecar(request_with):
    assert volume_objects.pod_annotations(request_with(EXPORT)) == {}


def test_export_and_claim_are_mounted_by_a_claim_of_the_burst_s_own(request_with):
    assert volume_objects.mounts(request_with(EXPORT, CLAIM)) == {
        "volume-home": {"path": "/home", "readOnly": False, "claimName": "volume-home"},
        "volume-lustre": {"path": "/scratch", "readOnly": False, "claimName": "volume-lustre"},
    }


def test_export_is_bound_to_nothing_but_its_own_claim(request_with):
    request = request_with(EXPORT)
    namespace = f"overspill-{request.burst_id[:12]}"

    volume, claim = volume_objects.build_export(request, request.template.volumes[0])

    assert volume["spec"]["nfs"] == {"server": "10.0.0.2", "path": "/vol1", "readOnly": False}
    assert volume["metadata"]["name"] == claim["spec"]["volumeName"] == f"{namespace}-home"
    reference = {key: volume["spec"]["claimRef"][key] for key in ("namespace", "name")}
    assert reference == {key: claim["metadata"][key] for key in ("namespace", "name")}
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert {volume["spec"]["storageClassName"], claim["spec"]["storageClassName"]} == {""}
    assert volume["metadata"]["labels"]["burst-id"] == request.burst_id


def test_existing_claim_s_storage_is_mounted_and_outlives_the_burst(request_with, existing):
    request = request_with(CLAIM)

    volume, claim = volume_objects.build_claim(request, request.template.volumes[0], existing)

    assert volume["spec"]["csi"] == CSI
    assert volume["spec"]["mountOptions"] == ["flock"]
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert volume["spec"]["claimRef"]["namespace"] == f"overspill-{request.burst_id[:12]}"
    assert claim["spec"]["resources"]["requests"]["storage"] == "7Ti"
    assert "status" not in volume
    assert volume_objects.claim_place(request.template.volumes[0]) == ("storage", "lustre")


def test_existing_claim_of_one_node_is_refused_naming_it(request_with, existing):
    request = request_with(CLAIM)
    existing["spec"]["accessModes"] = ["ReadWriteOnce"]

    with pytest.raises(ConfigError, match=r"lustre: the claim storage/lustre .*ReadWriteOnce"):
        volume_objects.build_claim(request, request.template.volumes[0], existing)


def test_nothing_is_provisioned(request_with, existing):
    request = request_with(EXPORT, CLAIM)
    objects = [
        *volume_objects.build_export(request, request.template.volumes[0]),
        *volume_objects.build_claim(request, request.template.volumes[1], existing),
    ]

    assert {item["kind"] for item in objects} == {"PersistentVolume", "PersistentVolumeClaim"}
    assert all(item["spec"]["volumeName"] for item in objects if item["kind"] == "PersistentVolumeClaim")
