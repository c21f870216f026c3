import tomllib

import pytest
from tests.unit.overspill_agent.examples import (
    CONFIG,
    HOSTS,
    NOW,
    SLOT_0,
    make_burst,
    make_facts,
    make_job,
    make_jobspec,
    make_slots,
    make_template,
)

from overspill_agent.agent_settings import DEFAULT_APP_IMAGE, DEFAULT_VIEW_IMAGE, AgentSettings
from overspill_agent.burst_requests import MAX_JOBS_BYTES, build_identity, build_request, build_teardown, record_of
from overspill_agent.deciding.decisions import Code, Decision, DecisionKind
from overspill_agent.deciding.policy import Policy
from overspill_agent.lead_address import AddressSource
from overspill_agent.own_pod import PodFacts, Service, ServicePort, ServiceType
from overspill_shared import names, sealing
from overspill_shared.broker_toml import check_burst_config
from overspill_shared.errors import ConfigError, SealError
from overspill_shared.messages import BurstRequest, TeardownRequest
from overspill_shared.secrets import Secret
from overspill_shared.wire_format import decode, encode

CERT = Secret(b"canary-cert")
DECISION = Decision(
    kind=DecisionKind.REQUEST, code=Code.NEVER_FITS_LOCALLY, reason="it waits", jobs=(1,), nodes=3, zone="us-central1-b"
)
SLOT = make_slots()[0]


@pytest.fixture
def identity(keypair):
    return build_identity(make_facts(), AgentSettings(deployment="prod"), keypair[0])


@pytest.fixture
def request_for(identity):
    def build(*jobs, decision=DECISION, slot=SLOT, generation=17, policy=Policy()):  # noqa: B008 - a frozen value
        keys = sealing.Keys(curve_cert=CERT)
        return build_request(
            identity, decision, slot, jobs, keys, policy, template=make_template(), generation=generation, now=NOW
        )

    return build


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


def test_build_request_can_be_read_by_its_receiver(request_for):
    request = request_for(make_job(1))
    body, attributes = encode(request)

    assert decode(BurstRequest, body) == request
    assert attributes["lead"] == "lead"
    assert attributes["deployment"] == "prod"


def test_build_request_is_called_by_its_content(request_for):
    request = request_for(make_job(1))

    assert request.burst_id == names.burst_id(request.identity())


def test_build_request_has_another_id_only_if_the_burst_is_another(request_for):
    first = request_for(make_job(1))

    same = request_for(make_job(2), decision=DECISION, policy=Policy(lease_s=99))
    assert same.burst_id == first.burst_id
    assert request_for(make_job(1), generation=18).burst_id != first.burst_id
    assert request_for(make_job(1), slot=make_slots()[1]).burst_id != first.burst_id


def test_build_request_carries_the_decision_and_the_policys_times(request_for):
    policy = Policy(lease_s=1, join_timeout_s=2, max_lifetime_s=3)

    request = request_for(make_job(1, 4), policy=policy)

    assert (request.size, request.zone, request.generation, request.revision) == (3, "us-central1-b", 17, 1)
    assert (request.slot.name, request.slot.size, request.slot.hosts) == ("burst-0", 4, "burst-0-[0-3]")
    assert request.template == make_template()
    assert (request.requested_at, request.expires_at) == (NOW, NOW + 1)
    assert (request.deadline_at, request.hard_end_at) == (NOW + 2, NOW + 3)


def test_build_request_without_nodes_and_zone_takes_the_whole_slot_and_the_first_zone(request_for):
    decision = Decision(kind=DecisionKind.REQUEST, code=Code.NEVER_FITS_LOCALLY, reason="")

    request = request_for(decision=decision)

    assert (request.size, request.zone) == (4, "us-central1-a")


@pytest.mark.parametrize(
    ("job", "nodes"),
    [(make_job(1, 4), 4), (make_job(1, None, slots=9), 1), (make_job(1, problem="x"), 1)],
    ids=["nodes", "slots", "unreadable"],
)
def test_build_request_tells_what_each_job_needs(request_for, job, nodes):
    (told,) = request_for(job).jobs

    assert (told.jobid, told.nodes, told.jobspec) == (1, nodes, job.jobspec)


def test_build_request_for_thousands_of_jobs_still_fits_a_message(request_for):
    jobs = [make_job(jobid) for jobid in range(5000)]

    request = request_for(*jobs)

    assert [job.jobid for job in request.jobs] == list(range(len(request.jobs)))
    assert len(request.jobs) > 100
    body, _ = encode(request)
    assert len(body) < 2 * MAX_JOBS_BYTES


def test_build_request_for_a_huge_jobspec_leaves_it_out(request_for):
    huge = make_jobspec(4, shell={"options": "x" * MAX_JOBS_BYTES})
    job = make_job(1, shell=huge["attributes"]["system"]["shell"])

    assert request_for(job).jobs == ()


def test_build_request_seals_the_certificate_for_this_message_alone(request_for, keypair):
    request = request_for(make_job(1))

    keys = sealing.unseal(request.sealed_keys, sealing.Binding.of(request), keypair[1])

    assert (keys.curve_cert, keys.munge_key) == (CERT, None)
    assert "canary" not in request.model_dump_json()
    moved = request.model_copy(update={"deadline_at": request.deadline_at + 1})
    with pytest.raises(SealError, match="deadline_at"):
        sealing.unseal(request.sealed_keys, sealing.Binding.of(moved), keypair[1])


def test_build_request_seals_a_munge_key_where_the_instance_has_one(keypair):
    identity = build_identity(make_facts(), AgentSettings(), keypair[0], munge_key=Secret(b"canary-munge"))
    keys = sealing.Keys(curve_cert=CERT)

    request = build_request(
        identity, DECISION, SLOT, (), keys, Policy(), template=make_template(), generation=17, now=NOW
    )

    opened = sealing.unseal(request.sealed_keys, sealing.Binding.of(request), keypair[1])
    assert (opened.curve_cert, opened.munge_key) == (CERT, Secret(b"canary-munge"))
    assert "canary" not in request.model_dump_json() + repr(identity)


def test_record_of_a_request_is_what_the_agent_must_not_forget(request_for):
    request = request_for(make_job(1))

    record = record_of(request, DECISION, SLOT)

    assert (record.burst_id, record.generation, record.state) == (request.burst_id, 17, "REQUESTED")
    assert (record.slot, record.template, record.zone) == ("burst-0", "default", "us-central1-b")
    assert record.ranks == frozenset(sorted(SLOT_0)[:3])
    assert (record.jobs, record.reason, record.published_at) == ((1,), "it waits", None)
    assert (record.deadline_at, record.hard_end_at) == (request.deadline_at, request.hard_end_at)
    assert [(entry.state, entry.cause) for entry in record.history] == [("REQUESTED", "it waits")]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"state": "TEARING_DOWN"}, "idle-timeout"), ({"state": "GONE", "teardown_reason": None}, "failed")],
    ids=["as recorded", "none recorded"],
)
def test_build_teardown_names_the_burst_and_why(identity, changes, reason):
    burst = make_burst(**changes)

    teardown = build_teardown(identity, burst, now=NOW + 5)

    assert decode(TeardownRequest, encode(teardown)[0]) == teardown
    assert (teardown.burst_id, teardown.generation, teardown.zone) == (burst.burst_id, burst.generation, burst.zone)
    assert (teardown.deployment, teardown.lead, teardown.reason) == ("prod", "lead", reason)
    assert teardown.requested_at == NOW + 5
