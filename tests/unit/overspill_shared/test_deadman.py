import ast
import sys

import pytest

from overspill_shared import deadman_watch, lease
from overspill_shared.clusters import POOL_LABEL, SYSTEM_POOL
from overspill_shared.deadman import build_deadman

IMAGE = "example.org/python@sha256:" + "0" * 64
NOW = 1_760_000_000.0


@pytest.fixture
def objects(burst_request):
    return {item["kind"]: item for item in build_deadman(burst_request(), image=IMAGE, has_pools=True)}


def pod_of(objects):
    return objects["Deployment"]["spec"]["template"]["spec"]


def test_deadman_lives_in_the_burst_s_namespace_and_is_ours(objects, burst_request):
    for item in objects.values():
        assert item["metadata"]["namespace"] == f"overspill-{burst_request().burst_id[:12]}"
        assert item["metadata"]["labels"]["burst-id"] == burst_request().burst_id


def test_deadman_may_read_one_lease_and_delete_one_minicluster(objects):
    assert [(*rule["resources"], *rule["resourceNames"], *rule["verbs"]) for rule in objects["Role"]["rules"]] == [
        ("leases", "overspill-lease", "get"),
        ("miniclusters", "burst-0", "delete"),
    ]
    assert objects["RoleBinding"]["roleRef"]["name"] == objects["Role"]["metadata"]["name"]
    assert "ClusterRole" not in objects
    assert pod_of(objects)["serviceAccountName"] == objects["ServiceAccount"]["metadata"]["name"]


def test_deadman_runs_beside_the_burst_pool_as_nobody(objects):
    pod = pod_of(objects)

    assert pod["nodeSelector"] == {POOL_LABEL: SYSTEM_POOL}
    assert "tolerations" not in pod
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


def test_deadman_on_a_cluster_without_our_pools_runs_anywhere(burst_request):
    objects = {item["kind"]: item for item in build_deadman(burst_request(), image=IMAGE, has_pools=False)}

    assert "nodeSelector" not in pod_of(objects)


def test_deadman_runs_its_own_script_with_the_names_it_needs(objects):
    (container,) = pod_of(objects)["containers"]
    folder = container["volumeMounts"][0]["mountPath"]

    assert container["image"] == IMAGE
    assert container["command"] == ["python3", "-I", f"{folder}/deadman_watch.py"]
    assert container["args"][1:] == [lease.NAME, "burst-0"]
    assert pod_of(objects)["volumes"][0]["configMap"]["name"] == objects["ConfigMap"]["metadata"]["name"]
    compile(objects["ConfigMap"]["data"]["deadman_watch.py"], "deadman_watch.py", "exec")


def test_deadman_script_imports_the_standard_library_alone(objects):
    tree = ast.parse(objects["ConfigMap"]["data"]["deadman_watch.py"])
    modules = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }

    assert modules <= sys.stdlib_module_names
    assert modules


@pytest.mark.parametrize("left_s", [1.5, 900, 86_400])
def test_deadman_reads_a_lease_as_we_write_it(burst_request, left_s):
    manifest = lease.build_lease(burst_request(expires_at=NOW + left_s, hard_end_at=NOW + 90_000), now=NOW)

    assert deadman_watch.expiry(manifest) == lease.read_lease(manifest).expires_at == NOW + left_s
