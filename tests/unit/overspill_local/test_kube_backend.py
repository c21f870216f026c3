import base64

from google.cloud.container_v1 import types

from overspill_local.gke import Endpoint
from overspill_local.kube_backend import kubeconfig, nodes_of


def cluster(burst_nodes):
    pools = [
        {"name": "system", "initial_node_count": 1, "config": {"labels": {"overspill/pool": "system"}}},
        {
            "name": "burst",
            "initial_node_count": burst_nodes,
            "config": {
                "labels": {"overspill/pool": "burst"},
                "taints": [{"key": "overspill", "value": "burst", "effect": "NO_SCHEDULE"}],
            },
        },
    ]
    return types.Cluster.pb()(name="c", node_pools=[types.NodePool.pb(types.NodePool(pool)) for pool in pools])


def test_nodes_of_a_cluster_bear_their_pools_labels_and_taints():
    system, *burst = nodes_of(cluster(2))

    assert [node["metadata"]["name"] for node in burst] == ["gke-c-burst-0", "gke-c-burst-1"]
    assert system["metadata"]["labels"]["overspill/pool"] == "system"
    assert "taints" not in system["spec"]
    assert burst[0]["metadata"]["labels"]["cloud.google.com/gke-nodepool"] == "burst"
    assert burst[0]["spec"]["taints"] == [{"key": "overspill", "value": "burst", "effect": "NoSchedule"}]


def test_nodes_of_an_emptied_pool_are_none():
    assert [node["metadata"]["name"] for node in nodes_of(cluster(0))] == ["gke-c-system-0"]


def test_kubeconfig_leads_to_the_endpoint_with_its_authority():
    content = kubeconfig(Endpoint(host_port="127.0.0.1:6443", ca_pem=b"CA"), "token")

    (entry,) = content["clusters"]
    assert entry["cluster"]["server"] == "https://127.0.0.1:6443"
    assert base64.b64decode(entry["cluster"]["certificate-authority-data"]) == b"CA"
    assert content["current-context"] == content["contexts"][0]["name"]
