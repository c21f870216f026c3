import tomllib

import pytest
from tests.unit.overspill_agent.examples import CONFIG, HOSTS, make_facts

from overspill_agent.agent_settings import DEFAULT_APP_IMAGE, DEFAULT_VIEW_IMAGE, AgentSettings
from overspill_agent.lead_address import AddressSource
from overspill_agent.lead_identity import build_identity
from overspill_agent.own_pod import PodFacts, Service, ServicePort, ServiceType
from overspill_shared.broker_toml import check_burst_config
from overspill_shared.errors import ConfigError


@pytest.fixture
def identity(keypair):
    return build_identity(make_facts(), AgentSettings(deployment="prod"), keypair[0])


def refused(facts, **settings):
    with pytest.raises(ConfigError) as caught:
        build_identity(facts, AgentSettings(**settings), "")
    return caught.value


def with_hosts(*entries, **bootstrap):
    return {"bootstrap": {"hosts": list(entries), **bootstrap}}


REST = {"host": "lead-1,burst-0-[0-3],burst-1-[0-3]"}


def test_build_identity_says_who_the_instance_is(identity):
    assert identity.deployment == "prod"
    assert identity.lead.model_dump() == {
        "id": "lead",
        "host": "lead.example.org",
        "port": 8050,
        "name": "lead-0",
        "size": 10,
    }
    assert identity.hostlist == "lead-[0-1],burst-0-[0-3],burst-1-[0-3]"
    assert identity.runtime.flux_version == "0.88.0"
    assert (identity.runtime.app_image, identity.runtime.view_image) == (DEFAULT_APP_IMAGE, DEFAULT_VIEW_IMAGE)
    assert (identity.runtime.uid, identity.runtime.gid, identity.runtime.prefix) == (1000, 1000, "/usr")


def test_build_identity_with_a_lead_id_uses_it():
    assert build_identity(make_facts(), AgentSettings(lead_id="other"), "").lead.id == "other"


@pytest.mark.parametrize(
    ("config", "settings", "address"),
    [
        pytest.param(CONFIG, {}, ("lead.example.org", 8050), id="rank 0's connect"),
        pytest.param(CONFIG, {"lead_host": "10.0.0.7"}, ("10.0.0.7", 8050), id="another host"),
        pytest.param(CONFIG, {"lead_port": 30093}, ("lead.example.org", 30093), id="another port"),
        pytest.param(
            with_hosts({"host": "lead-0"}, REST, default_connect="tcp://%h.svc:%p"),
            {"lead_host": "10.0.0.7", "lead_port": 30093},
            ("10.0.0.7", 30093),
            id="settings alone",
        ),
        pytest.param(
            with_hosts({"host": "lead-0"}, REST, default_connect="tcp://lead.svc:8050"),
            {},
            ("lead.svc", 8050),
            id="default connect",
        ),
    ],
)
def test_build_identity_finds_the_leads_address(config, settings, address):
    lead = build_identity(make_facts(config=config), AgentSettings(**settings), "").lead

    assert (lead.host, lead.port) == address


@pytest.mark.parametrize("settings", [{}, {"lead_host": "10.0.0.7"}, {"lead_port": 8050}], ids=["none", "host", "port"])
def test_build_identity_without_an_address_raises_naming_the_setting(settings):
    error = refused(make_facts(config=with_hosts({"host": "lead-0"}, REST)), **settings)

    assert error.code == "lead-address"
    assert error.text.startswith("lead_host: ")
    assert "OVERSPILL_LEAD_HOST and OVERSPILL_LEAD_PORT" in error.remedy


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        pytest.param({"hosts": ("---", *HOSTS[1:])}, "lead id", id="no lead id can be made"),
        pytest.param({"prefix": "relative"}, "runtime.prefix 'relative'", id="prefix is no path"),
        pytest.param({"flux_version": "main"}, "runtime.flux_version 'main'", id="unknown version"),
        pytest.param({"uid": -1, "gid": -2}, "runtime.uid '-1'; runtime.gid '-2'", id="two at once"),
    ],
)
def test_build_identity_that_functions_cannot_be_told_raises_naming_what(facts, named):
    error = refused(make_facts(resources=(), **facts))

    assert error.code == "identity"
    assert named in error.text


POD = PodFacts(
    labels={"job-name": "lead"},
    app_image="example.org/app@sha256:" + "a" * 64,
    view_image="example.org/view@sha256:" + "b" * 64,
    services=(
        Service(
            name="lead-external",
            type=ServiceType.LOAD_BALANCER,
            selector={"job-name": "lead"},
            ports=(ServicePort(port=30093, target=8050),),
            ingress=("203.0.113.7",),
        ),
    ),
)


def test_build_identity_in_a_cluster_takes_images_and_address_from_its_own_pod():
    identity = build_identity(make_facts(), AgentSettings(), "", pod=POD)

    assert (identity.runtime.app_image, identity.runtime.view_image) == (POD.app_image, POD.view_image)
    assert (identity.lead.host, identity.lead.port) == ("203.0.113.7", 30093)
    assert identity.address.source is AddressSource.LOAD_BALANCER
    hosts = tomllib.loads(identity.broker_toml)["bootstrap"]["hosts"]
    assert hosts[0] == {"host": "lead-0", "connect": "tcp://203.0.113.7:30093"}


def test_build_identity_with_settings_prefers_them_to_the_pod():
    settings = AgentSettings(app_image="own/app:1", view_image="own/view:1", lead_host="10.0.0.7", lead_port=1)

    identity = build_identity(make_facts(), settings, "", pod=POD)

    assert (identity.runtime.app_image, identity.runtime.view_image) == ("own/app:1", "own/view:1")
    assert (identity.lead.host, identity.lead.port) == ("10.0.0.7", 1)


def test_build_identity_of_many_ranks_tells_both_sides_to_be_flat():
    hosts = (*HOSTS, *(f"burst-2-{index}" for index in range(300)))
    facts = make_facts(hosts=hosts, config=with_hosts({"host": "lead-0", "connect": "tcp://a:1"}, *hosts[1:]))

    assert build_identity(facts, AgentSettings(), "").runtime.topology == "kary:0"
    assert build_identity(make_facts(), AgentSettings(), "").runtime.topology is None


def test_build_identity_makes_a_broker_toml_that_provision_takes(identity):
    check_burst_config(
        identity.broker_toml, lead_name="lead-0", host="lead.example.org", port=8050, slot_hosts="burst-1-[0-3]"
    )
    assert "path" not in tomllib.loads(identity.broker_toml)["resource"]
