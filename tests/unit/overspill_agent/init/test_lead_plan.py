import pytest

from overspill_agent.init.lead_plan import build_plan
from overspill_shared.errors import ConfigError


def test_hosts_are_the_leads_own_and_then_slot_by_slot(make_plan):
    plan = make_plan("b=2:cores=1", "a=1:cores=2,template=x")

    assert plan.hosts == ("lead-0", "lead-1", "b-0", "b-1", "a-0")
    assert [(group.cores, group.is_burst) for group in plan.groups] == [(4, False), (1, True), (2, True)]


@pytest.mark.parametrize(("size", "topology"), [(254, None), (255, "kary:0")])
def test_topology_is_flat_above_the_operators_fan_out(make_plan, size, topology):
    assert make_plan(f"burst-0={size}:cores=1").topology == topology


@pytest.mark.parametrize(("service", "port"), [("loadbalancer", 8050), ("nodeport", 30093)])
def test_exposed_port_depends_on_the_service(make_plan, service, port):
    assert make_plan(service=service).exposed_port == port


@pytest.mark.parametrize(
    ("slots", "problem"),
    [
        (("burst-0=1:cores=1", "burst-0=2:cores=1"), "burst-0 stands twice"),
        (("lead=1:cores=1",), "lead stands twice"),
        (("a=1:cores=1", "b=1:cores=2"), "slots a and b have the template default but different cores or GPUs"),
        (("a=1:cores=1", "b=1:cores=1,gpus=1"), "different cores or GPUs"),
        (
            tuple(f"{name}=1:cores=1,machine=m{name},memory_mib=1,zone=us-east1-b" for name in "ab"),
            "describe the template default differently",
        ),
        (("a=19999:cores=1",), "20001 ranks are too many"),
    ],
)
def test_slots_that_do_not_fit_together_are_refused(make_plan, slots, problem):
    with pytest.raises(ConfigError, match=problem):
        make_plan(*slots)


def test_every_wrong_option_is_named_at_once(make_plan):
    with pytest.raises(ConfigError) as caught:
        make_plan(
            name="Lead",
            namespace="a b",
            size=0,
            scheduler="slurm",
            service="ingress",
            node_port=80,
            app_image="$(x)",
            service_account="me",
            lead_host="a b",
        )

    for option in ("name", "namespace", "size", "scheduler", "service", "node-port", "image", "service-account"):
        assert f"--{option}: " in caught.value.text
    assert "--lead-host: " in caught.value.text


def test_plan_without_a_slot_is_refused(make_plan):
    with pytest.raises(ConfigError, match="--slot: "):
        build_plan(**make_plan().model_dump() | {"slots": ()})


@pytest.mark.parametrize(
    ("has_router", "host", "needs"), [(False, None, False), (True, None, True), (True, "x", False)]
)
def test_lead_host_is_needed_where_the_agent_cannot_find_it(make_plan, has_router, host, needs):
    assert make_plan(has_router=has_router, lead_host=host).needs_lead_host is needs
