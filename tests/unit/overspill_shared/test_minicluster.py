import base64
import json
import os
import re
import subprocess

import pytest

from overspill_shared import hostlist, minicluster, names
from overspill_shared.burst_mark import mark_of
from overspill_shared.burst_metadata import namespace_name
from overspill_shared.sealing import Keys

NOW = 1_760_000_000.0
CANARY = "canary\n$(touch /tmp/canary) `id` \"' %s ${HOME}"
DNS_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"

FREE_TEXT = {
    "slot": {"hosts": CANARY},
    "hostlist": CANARY,
    "broker_toml": CANARY,
    "sealed_keys": CANARY,
    "jobs": [{"jobid": 1, "jobspec": {CANARY: CANARY}, "nodes": 1}],
}
PATTERNED = {
    "deployment": "canary-deployment",
    "lead": {"id": "canary-lead", "host": "canary.host", "name": "canary-name"},
    "slot": {"name": "canary-slot", **FREE_TEXT["slot"]},
    "template": {"name": "canary-template", "machine_type": "canary-machine", "app_image": "canary/app:1"},
    "zone": "canary-zone1-a",
    "runtime": {
        "flux_version": "0.88.0-canary",
        "prefix": "/canary",
        "app_image": "canary/app:0",
        "view_image": "canary/view:1",
    },
}


@pytest.fixture
def manifest(burst_request):
    return minicluster.build_minicluster(burst_request(), now=NOW)


def filled_keys(value):
    """Give every key, at any depth, that has a value worth the name."""
    if isinstance(value, dict):
        own = {key for key, inner in value.items() if inner not in ("", None, False)}
        return own.union(*map(filled_keys, value.values()))
    return set().union(*map(filled_keys, value)) if isinstance(value, list) else set()


def test_minicluster_is_the_slot_in_the_burst_s_own_namespace(burst_request, manifest):
    request = burst_request()

    assert (manifest["apiVersion"], manifest["kind"]) == ("flux-framework.org/v1alpha2", "MiniCluster")
    assert manifest["metadata"]["name"] == "burst-0"
    assert manifest["metadata"]["namespace"] == names.cluster_name(request.burst_id)
    assert manifest["spec"]["interactive"] is True


def test_minicluster_pods_have_their_place_in_the_lead_s_hostlist(burst_request):
    spec = minicluster.build_minicluster(burst_request(size=2), now=NOW)
    pods = [f"{spec['metadata']['name']}-{index}" for index in range(spec["spec"]["maxSize"])]

    assert spec["spec"]["size"] == 2
    assert tuple(pods) == hostlist.expand(burst_request().slot.hosts)


def test_minicluster_names_fit_even_for_the_longest_slot(burst_request):
    slot = "s" * 40
    request = burst_request(slot={"name": slot, "size": 100_000, "hosts": f"{slot}-[0-99999]"}, size=100_000)

    pod = f"{minicluster.build_minicluster(request, now=NOW)['metadata']['name']}-99999"

    for name in (pod, namespace_name(request), minicluster.SECRET_NAME):
        assert re.fullmatch(DNS_LABEL, name)


def test_objects_bear_the_labels_that_make_them_ours(burst_request, keys):
    request = burst_request()
    built = minicluster.build_minicluster(request, now=NOW)
    others = [minicluster.build_namespace(request), minicluster.build_secret(request, keys)]
    wanted = {"overspill": "true", "deployment": "prod", "lead": "lead", "burst-id": request.burst_id}

    for labels in (built["spec"]["pod"]["labels"], *(item["metadata"]["labels"] for item in (built, *others))):
        assert {key: labels[key] for key in wanted} == wanted


@pytest.mark.parametrize(
    ("hard_end_at", "deadline_s"),
    [(NOW + 14_400, 14_400), (NOW + 90.7, 90), (NOW + 60, 60), (NOW + 10, 60), (NOW - 900, 60)],
)
def test_minicluster_deadline_is_the_hard_end(burst_request, hard_end_at, deadline_s):
    spec = minicluster.build_minicluster(burst_request(hard_end_at=hard_end_at), now=NOW)["spec"]

    assert spec["deadlineSeconds"] == deadline_s


def test_minicluster_runs_the_template_s_image_and_else_the_lead_s(burst_request):
    def image(**changes):
        container = minicluster.build_minicluster(burst_request(**changes), now=NOW)["spec"]["containers"][0]
        assert container["runFlux"] is True
        return container["image"]

    assert image() == "example.org/app:1"
    assert image(template={"app_image": "example.org/app:2"}) == "example.org/app:2"


def test_minicluster_takes_flux_from_the_view_image(manifest):
    assert manifest["spec"]["flux"]["container"]["image"] == "example.org/flux-view:0.88.0"


@pytest.mark.parametrize("topology", [None, "kary:0"])
def test_minicluster_topology_is_the_lead_s(burst_request, topology):
    flux = minicluster.build_minicluster(burst_request(runtime={"topology": topology}), now=NOW)["spec"]["flux"]

    assert flux.get("topology") == topology


def test_minicluster_mounts_our_secret_read_only(manifest):
    volume = manifest["spec"]["containers"][0]["volumes"]["overspill"]

    assert volume == {"secretName": "overspill-keys", "path": "/mnt/overspill", "readOnly": True}


def test_minicluster_never_gives_the_operator_a_curve_cert(burst_request):
    # The operator would show it in a ConfigMap and in pod logs.
    for changes in ({}, FREE_TEXT, PATTERNED):
        built = minicluster.build_minicluster(burst_request(**changes), now=NOW)
        assert "brokerConfig" in filled_keys(built)
        assert not filled_keys(built) & {"curveCert", "curveCertSecret", "bursting", "leadBroker", "mungeSecret"}


def test_minicluster_scripts_are_constants_whatever_a_message_says(burst_request):
    built = minicluster.build_minicluster(burst_request(**{**FREE_TEXT, **PATTERNED}), now=NOW)

    assert built["spec"]["flux"]["brokerConfig"] == minicluster.BROKER_CONFIG
    assert [commands for container in built["spec"]["containers"] for commands in container["commands"].items()] == [
        ("brokerPre", ""),
        ("init", ""),
        ("post", ""),
        ("pre", minicluster.PRE),
        ("prefix", ""),
        ("script", ""),
        ("servicePre", ""),
        ("workerPre", ""),
    ]
    assert [container["command"] for container in built["spec"]["containers"]] == [""]
    assert "canary" not in minicluster.BROKER_CONFIG + minicluster.PRE
    assert not re.search(r"[$`\\]", minicluster.BROKER_CONFIG)


def test_minicluster_and_namespace_hold_no_free_text_of_a_message(burst_request):
    request = burst_request(**FREE_TEXT)

    for built in (minicluster.build_minicluster(request, now=NOW), minicluster.build_namespace(request)):
        assert "canary" not in json.dumps(built)


def test_minicluster_and_namespace_hold_no_key(burst_request):
    text = json.dumps([minicluster.build_minicluster(burst_request(), now=NOW)])

    assert burst_request().sealed_keys not in text
    assert "canary" not in text


def test_secret_holds_certificate_config_and_munge_key_as_files(burst_request, keys):
    request = burst_request()

    secret = minicluster.build_secret(request, keys)

    assert (secret["kind"], secret["type"], secret["metadata"]["name"]) == ("Secret", "Opaque", "overspill-keys")
    assert secret["metadata"]["namespace"] == namespace_name(request)
    assert {name: base64.b64decode(content) for name, content in secret["data"].items()} == {
        "curve.cert": keys.curve_cert.reveal(),
        "broker.toml": request.broker_toml.encode(),
        "munge.key": keys.munge_key.reveal(),
        "burst.json": mark_of(request).model_dump_json().encode(),
    }


def test_secret_has_no_munge_key_where_none_is_used(burst_request, keys):
    secret = minicluster.build_secret(burst_request(), Keys(curve_cert=keys.curve_cert))

    assert set(secret["data"]) == {"curve.cert", "broker.toml", "burst.json"}


def test_manifests_are_json_and_depend_on_nothing_but_their_arguments(burst_request, keys):
    request = burst_request()

    def manifests():
        return [
            minicluster.build_namespace(request),
            minicluster.build_secret(request, keys),
            minicluster.build_minicluster(request, now=NOW),
        ]

    assert json.loads(json.dumps(manifests())) == manifests()


@pytest.mark.parametrize("munge_key", [None, b"munge"], ids=["no munge key", "munge key"])
def test_pre_puts_the_files_where_they_are_read(tmp_path, munge_key):
    mount, cfg, cert = tmp_path / "mount", tmp_path / "cfg dir", tmp_path / "curve dir" / "curve.cert"
    for folder in (mount, cfg, cert.parent):
        folder.mkdir()
    (mount / "curve.cert").write_bytes(b"cert")
    (mount / "broker.toml").write_bytes(b"toml")
    (mount / "burst.json").write_bytes(b"mark")
    if munge_key:
        (mount / "munge.key").write_bytes(munge_key)
    (cfg / "broker.toml").write_text(minicluster.BROKER_CONFIG)
    installed = tmp_path / "munge" / "munge.key"
    script = minicluster.PRE.replace(minicluster.SECRET_MOUNT, str(mount)) + 'echo "${mainHost}"\n'
    script = script.replace(minicluster.MUNGE_KEY, str(installed))
    # As the operator's worker script has them when it comes to `pre`.
    variables = {"fluxuid": str(os.getuid()), "curvepath": str(cert), "cfg": str(cfg), "mainHost": "burst-0-0"}

    done = subprocess.run(
        ["/bin/bash", "-euc", script],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )

    assert (done.stdout, done.stderr) == ("external-lead\n", "")
    assert (cert.read_bytes(), cert.stat().st_mode & 0o777) == (b"cert", 0o600)
    assert (cfg / "broker.toml").read_bytes() == b"toml"
    assert (cfg / "burst.json").read_bytes() == b"mark"
    assert installed.exists() == (munge_key is not None)
    if munge_key:
        assert (installed.read_bytes(), installed.stat().st_mode & 0o777) == (munge_key, 0o400)


def test_minicluster_s_pods_each_have_a_node_and_see_all_of_it(burst_request):
    template = {"machine_type": "c2-standard-60", "cores": 30, "memory_mib": 245_760}
    spec = minicluster.build_minicluster(burst_request(template=template), now=NOW)["spec"]

    assert spec["containers"][0]["resources"] == {"requests": {"cpu": "35868m", "memory": "140293Mi"}}


def test_minicluster_s_pods_have_all_gpus_of_their_nodes(burst_request):
    template = {"machine_type": "g2-standard-24", "gpus": 2}
    spec = minicluster.build_minicluster(burst_request(template=template), now=NOW)["spec"]

    assert spec["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": 2}
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in spec["pod"]["tolerations"]


@pytest.mark.parametrize(("has_pools", "selector"), [(True, {"overspill/pool": "burst"}), (False, None)])
def test_minicluster_s_pods_keep_to_the_burst_pool_where_there_is_one(burst_request, has_pools, selector):
    pod = minicluster.build_minicluster(burst_request(), now=NOW, has_pools=has_pools)["spec"]["pod"]

    assert pod.get("nodeSelector") == selector
    assert pod["tolerations"] == [{"key": "overspill", "operator": "Equal", "value": "burst", "effect": "NoSchedule"}]


def test_minicluster_s_pods_are_never_moved_by_an_autoscaler(manifest):
    assert manifest["spec"]["pod"]["annotations"] == {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}


def test_minicluster_asks_for_nothing_that_outlives_the_cluster(burst_request):
    volumes = [
        {"name": "in", "mount_path": "/in", "gcs_bucket": "lab-in"},
        {"name": "home", "mount_path": "/home", "nfs": {"server": "10.0.0.2", "path": "/vol1"}},
    ]
    built = minicluster.build_minicluster(burst_request(template={"volumes": volumes}), now=NOW)

    assert set(built["spec"]["containers"][0]["volumes"]) == {"overspill", "volume-in", "volume-home"}
    assert not filled_keys(built) & {"services", "ports", "LoadBalancer", "volumeClaimTemplates", "network"}
