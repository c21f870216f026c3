import dataclasses

import pytest
from tests.unit.overspill_agent.examples import (
    NOW,
    SLOT_0,
    make_burst,
    make_facts,
    make_job,
    make_jobspec,
    make_slots,
    make_template,
)

from overspill_agent.agent_settings import AgentSettings
from overspill_agent.burst_requests import MAX_JOBS_BYTES, build_request, build_teardown, record_of, resized
from overspill_agent.deciding.decisions import Code, Decision, DecisionKind
from overspill_agent.deciding.policy import Policy
from overspill_agent.lead_identity import build_identity
from overspill_shared import names, sealing
from overspill_shared.errors import SealError
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


def test_resized_for_a_job_that_it_was_rented_for_already_names_it_once(request_for):
    request = request_for(make_job(1))
    burst = record_of(request, DECISION, SLOT)
    more = dataclasses.replace(DECISION, kind=DecisionKind.GROW, jobs=(1, 2), ranks=SLOT.first_ranks(4))

    assert resized(burst, request.model_copy(update={"revision": 2, "size": 4}), more).jobs == (1, 2)
