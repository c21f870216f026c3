"""The agent must find by itself what `init` wrote, as the cluster then shows it."""

import tomllib

import pytest

from overspill_agent.init import lead_files, manifests
from overspill_agent.kubernetes_pod import _node, _service
from overspill_agent.lead_address import AddressSource, find_lead_address
from overspill_agent.own_pod import PodFacts
from overspill_shared.errors import ConfigError

NODE = {"metadata": {"name": "node-1"}, "status": {"addresses": [{"type": "ExternalIP", "address": "192.0.2.7"}]}}
LABELS = {"job-name": "lead", "job-index": "0", "app.kubernetes.io/name": "lead"}


def found(plan):
    service = manifests.build_service(plan)
    service["status"] = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    pod = PodFacts(labels=LABELS, node_name="node-1", services=(_service(service),), nodes=(_node(NODE),))
    address = find_lead_address(tomllib.loads(lead_files.broker_toml(plan)), pod=pod)
    return address.host, address.port, address.source


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("loadbalancer", ("192.0.2.1", 8050, AddressSource.LOAD_BALANCER)),
        ("nodeport", ("192.0.2.7", 30093, AddressSource.NODE_PORT)),
    ],
)
def test_address_is_found_by_the_service_that_was_written(make_plan, service, expected):
    assert found(make_plan(service=service)) == expected


def test_address_of_a_router_is_not_guessed(make_plan):
    with pytest.raises(ConfigError, match="lead_host"):
        found(make_plan(has_router=True))
