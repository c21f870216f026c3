import pytest

from overspill_agent.init import lead_files, manifests
from overspill_agent.init.router import nginx_conf, router_config_map


def containers(plan):
    return manifests.build_minicluster(plan)["spec"]["containers"]


def test_minicluster_waits_for_its_own_nodes_and_not_for_the_bursts(make_plan):
    spec = manifests.build_minicluster(make_plan())["spec"]

    assert (spec["size"], spec["minSize"], spec["maxSize"], spec["interactive"]) == (2, 2, 2, True)
    assert spec["flux"]["bursting"]["clusters"] == [{"name": "burst-0", "size": 4}, {"name": "gpu-0", "size": 2}]
    assert "cleanup" not in spec
    assert "curveCert" not in spec["flux"]
    assert "services" not in spec


def test_minicluster_has_one_container_that_runs_flux(make_plan):
    broker, agent = containers(make_plan())

    assert (broker["runFlux"], agent["runFlux"]) == (True, False)
    assert broker["commands"]["pre"] == lead_files.PRE
    assert "command" not in broker


def test_agent_runs_its_own_entrypoint_as_the_brokers_user_at_the_brokers_socket(make_plan):
    broker, agent = containers(make_plan(uid=1000))

    assert agent["noWrapEntrypoint"] is True
    # The operator gives no command to such a container.
    assert "command" not in agent
    assert agent["securityContext"] == broker["securityContext"] == {"runAsUser": 1000, "runAsGroup": 1000}
    assert agent["environment"]["FLUX_URI"] == "local:///mnt/flux/config/run/flux/local"
    assert agent["environment"]["OVERSPILL_CONFIG"] == "/etc/overspill/settings.toml"


def test_user_other_than_root_can_write_what_the_init_container_made(make_plan):
    spec = manifests.build_minicluster(make_plan(uid=1000))["spec"]

    assert spec["pod"]["securityContext"] == {"fsGroup": 1000}
    assert spec["flux"]["container"]["securityContext"] == {"runAsUser": 1000, "runAsGroup": 1000}
    assert "securityContext" not in manifests.build_minicluster(make_plan())["spec"]["pod"]


def test_volumes_of_config_maps_are_called_as_the_config_maps(make_plan):
    plan = make_plan(has_router=True)
    spec = manifests.build_minicluster(plan)["spec"]
    volumes = [item for each in (*spec["containers"], *spec["services"]) for item in each["volumes"].items()]

    named = [(name, volume["configMapName"]) for name, volume in volumes if "configMapName" in volume]
    assert len(named) == 3
    assert all(name == config_map for name, config_map in named)


@pytest.mark.parametrize(("scheduler", "simple"), [("fluxion", False), ("simple", True)])
def test_scheduler_is_the_same_in_minicluster_and_broker_toml(make_plan, scheduler, simple):
    flux = manifests.build_minicluster(make_plan(scheduler=scheduler))["spec"]["flux"]

    assert flux["scheduler"] == {"simple": simple}
    assert ("sched-simple" in flux["brokerConfig"]) is simple


def test_large_instance_gets_a_flat_topology(make_plan):
    assert "topology" not in manifests.build_minicluster(make_plan())["spec"]["flux"]
    assert manifests.build_minicluster(make_plan("b=300:cores=1"))["spec"]["flux"]["topology"] == "kary:0"


@pytest.mark.parametrize(("has_router", "index"), [(False, "0"), (True, "services")])
def test_service_selects_one_pod_of_this_minicluster(make_plan, has_router, index):
    spec = manifests.build_service(make_plan(has_router=has_router))["spec"]

    assert spec["type"] == "LoadBalancer"
    assert spec["selector"] == {"job-name": "lead", "job-index": index}
    assert [(port["port"], port["targetPort"]) for port in spec["ports"]] == [(8050, 8050)]


def test_service_is_internal_where_that_was_said(make_plan):
    internal = manifests.build_service(make_plan(service="internal"))

    assert internal["spec"]["type"] == "LoadBalancer"
    assert internal["metadata"]["annotations"] == {"networking.gke.io/load-balancer-type": "Internal"}
    assert "annotations" not in manifests.build_service(make_plan())["metadata"]


def test_service_admits_the_ranges_that_were_said(make_plan):
    spec = manifests.build_service(make_plan(admitted=("192.0.2.1/32", "2001:db8::/64")))["spec"]

    assert spec["loadBalancerSourceRanges"] == ["192.0.2.1/32", "2001:db8::/64"]
    assert "loadBalancerSourceRanges" not in manifests.build_service(make_plan())["spec"]
    assert (
        "loadBalancerSourceRanges"
        not in manifests.build_service(make_plan(service="nodeport", admitted=("192.0.2.1/32",)))["spec"]
    )


def test_service_of_a_node_port_has_the_port_that_was_said(make_plan):
    spec = manifests.build_service(make_plan(service="nodeport", node_port=31000))["spec"]

    assert (spec["type"], spec["ports"][0]["nodePort"]) == ("NodePort", 31000)


@pytest.mark.parametrize(
    ("service", "resources"), [("loadbalancer", {"pods", "services"}), ("nodeport", {"pods", "services", "nodes"})]
)
def test_agent_may_read_what_tells_its_address_and_nothing_else(make_plan, service, resources):
    objects = manifests.build_access(make_plan(service=service))
    rules = [rule for each in objects for rule in each.get("rules", ())]

    assert {name for rule in rules for name in rule["resources"]} == resources
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list"}
    assert {group for rule in rules for group in rule["apiGroups"]} == {""}


def test_bindings_name_their_role_and_the_pods_account(make_plan):
    plan = make_plan(service="nodeport", namespace="hpc")
    objects = {each["kind"]: each for each in manifests.build_access(plan)}

    for kind in ("Role", "ClusterRole"):
        binding = objects[f"{kind}Binding"]
        assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == (kind, objects[kind]["metadata"]["name"])
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "lead-overspill", "namespace": "hpc"}]
    pod = manifests.build_minicluster(plan)["spec"]["pod"]
    assert pod["serviceAccountName"] == objects["ServiceAccount"]["metadata"]["name"]
    # The operator turns the token off where this is not said.
    assert pod["automountServiceAccountToken"] is True


def test_service_account_is_annotated_for_workload_identity_where_one_was_said(make_plan):
    account = "overspill-agent@my-project.iam.gserviceaccount.com"

    annotated, *_ = manifests.build_access(make_plan(service_account=account))
    plain, *_ = manifests.build_access(make_plan())

    assert annotated["metadata"]["annotations"] == {"iam.gke.io/gcp-service-account": account}
    assert "annotations" not in plain["metadata"]


def test_router_forwards_to_the_lead_whose_name_it_looks_up_each_time(make_plan):
    plan = make_plan(has_router=True, namespace="hpc")
    text = nginx_conf(plan)
    service = manifests.build_minicluster(plan)["spec"]["services"][0]

    assert "default lead-0.lead.hpc.svc.cluster.local:8050;" in text
    assert "proxy_pass $lead;" in text
    assert router_config_map(plan)["data"] == {"nginx.conf": text}
    # The operator requires a name, and runs the image's own command, which reads this path.
    assert service["name"] == "router"
    assert [volume["path"] for volume in service["volumes"].values()] == ["/etc/nginx"]
