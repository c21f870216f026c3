import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_agent.lead_address import AddressSource, find_lead_address
from overspill_agent.own_pod import Node, PodFacts, Service, ServicePort, ServiceType
from overspill_shared.errors import ConfigError

LABELS = {"job-name": "lead", "job-index": "0"}
IN_CLUSTER = {
    "bootstrap": {
        "default_port": 8050,
        "default_bind": "tcp://eth0:%p",
        "default_connect": "tcp://%h.flux-service.default.svc.cluster.local:%p",
        "hosts": [{"host": "lead-[0-1],burst-0-[0-3]"}],
    }
}
WITH_CONNECT = {
    "bootstrap": {"hosts": [{"host": "lead-0", "connect": "tcp://lead.example.org:8050"}, {"host": "burst-0-[0-3]"}]}
}


def service(name="lead-svc", kind="LoadBalancer", *, target=8050, port=9000, node_port=30093, ingress=(), **selector):
    return Service(
        name=name,
        type=ServiceType(kind),
        selector=selector or {"job-name": "lead"},
        ports=(
            ServicePort(port=80, target=8080, node_port=30080),
            ServicePort(port=port, target=target, node_port=node_port),
        ),
        ingress=ingress,
    )


BALANCED = service(ingress=("203.0.113.7",))
BY_NODE = service("by-node", "NodePort")
NODES = (
    Node(name="a", external_ips=("198.51.100.1",), internal_ips=("10.0.0.1",)),
    Node(name="b", external_ips=("198.51.100.2",), internal_ips=("10.0.0.2",)),
)


def pod(*services, **facts):
    return PodFacts(labels=LABELS, services=services, **facts)


def found(config=IN_CLUSTER, **options):
    address = find_lead_address(config, **options)
    return address.host, address.port, address.source


def refused(config=IN_CLUSTER, **options):
    with pytest.raises(ConfigError) as caught:
        find_lead_address(config, **options)
    assert caught.value.code == "lead-address"
    assert "OVERSPILL_LEAD_HOST" in caught.value.remedy
    assert caught.value.text.startswith("lead_host: ")
    return caught.value.text


def test_settings_win_over_everything():
    options = {"host": "10.9.9.9", "port": 7, "pod": pod(BALANCED)}

    assert found(WITH_CONNECT, **options) == ("10.9.9.9", 7, AddressSource.SETTING)


@pytest.mark.parametrize(
    ("options", "address"),
    [({"host": "lead.example.net"}, ("lead.example.net", 9000)), ({"port": 7}, ("203.0.113.7", 7))],
)
def test_one_setting_alone_corrects_what_is_found(options, address):
    result = find_lead_address(WITH_CONNECT, pod=pod(BALANCED), **options)

    assert (result.host, result.port, result.source) == (*address, AddressSource.SETTING)
    assert "Service lead-svc" in result.reason


def test_service_wins_over_the_lead_s_own_connect():
    assert found(WITH_CONNECT, pod=pod(BALANCED)) == ("203.0.113.7", 9000, AddressSource.LOAD_BALANCER)


@pytest.mark.parametrize("services", [(), (service(ingress=("203.0.113.7",), app="other"),)], ids=["none", "other's"])
def test_connect_is_used_where_no_service_publishes_the_lead(services):
    assert found(WITH_CONNECT, pod=pod(*services)) == ("lead.example.org", 8050, AddressSource.BROKER_TOML)
    assert found(WITH_CONNECT) == ("lead.example.org", 8050, AddressSource.BROKER_TOML)


def test_load_balancer_may_have_a_host_name():
    named = service(ingress=("lb.example.com", "203.0.113.9"))

    assert found(pod=pod(named)) == ("lb.example.com", 9000, AddressSource.LOAD_BALANCER)


def test_load_balancer_wins_over_a_node_port():
    assert found(pod=pod(BY_NODE, BALANCED, nodes=NODES))[0] == "203.0.113.7"


def test_load_balancer_without_an_address_leaves_it_to_a_node_port():
    assert found(pod=pod(BY_NODE, service(), nodes=NODES)) == ("198.51.100.1", 30093, AddressSource.NODE_PORT)


@pytest.mark.parametrize(("node_name", "host"), [("", "198.51.100.1"), ("b", "198.51.100.2"), ("c", "198.51.100.1")])
def test_node_port_is_dialled_at_the_pods_own_node_if_it_can(node_name, host):
    for nodes in (NODES, NODES[::-1]):
        assert found(pod=pod(BY_NODE, nodes=nodes, node_name=node_name))[:2] == (host, 30093)


def test_node_port_without_external_addresses_takes_an_internal_one_and_says_so():
    nodes = (Node(name="a", internal_ips=("10.0.0.1",)), Node(name="b"))

    address = find_lead_address(IN_CLUSTER, pod=pod(BY_NODE, nodes=nodes))

    assert (address.host, address.port) == ("10.0.0.1", 30093)
    assert "no node has an external one" in address.reason


def test_service_may_name_the_pods_port():
    named = service(target="overlay", ingress=("203.0.113.7",))

    assert found(pod=pod(named, named_ports={"overlay": 8050}))[0] == "203.0.113.7"
    assert "does not lead to the overlay's port 8050" in refused(pod=pod(named, named_ports={"overlay": 1}))


def test_service_must_lead_to_the_port_that_the_lead_binds():
    config = {"bootstrap": {**IN_CLUSTER["bootstrap"], "default_port": 8051}}

    assert "does not lead to the overlay's port 8051" in refused(config, pod=pod(BALANCED))
    assert found(config, pod=pod(service(target=8051, ingress=("203.0.113.7",))))[0] == "203.0.113.7"


@pytest.mark.parametrize(
    ("facts", "looked_at"),
    [
        (pod(service()), "the load balancer of the Service lead-svc has no address yet"),
        (pod(service(kind="other")), "the Service lead-svc is published inside of the cluster only"),
        (pod(BY_NODE), "the Service by-node has a node port, but no node's address is known"),
        (pod(service(app="x")), "no Service selects this pod and leads to its port 8050"),
        (pod(Service(name="s", type=ServiceType.LOAD_BALANCER, selector={}, ports=())), "no Service selects this pod"),
        (pod(problems=("the API answers 403 Forbidden.",)), "the API answers 403 Forbidden; "),
        (None, "rank 0 has no `connect` in bootstrap.hosts"),
    ],
)
def test_nothing_found_names_what_was_looked_at(facts, looked_at):
    text = refused(pod=facts)

    assert looked_at in text
    assert "rank 0 has no `connect`" in text


def test_a_host_alone_does_not_guess_a_port():
    refused(host="10.0.0.7")


@given(st.permutations([BALANCED, BY_NODE, service("a", ingress=("203.0.113.1",)), service("z", "other")]))
def test_address_does_not_depend_on_the_order_of_services(services):
    assert found(pod=pod(*services, nodes=NODES)) == ("203.0.113.1", 9000, AddressSource.LOAD_BALANCER)
