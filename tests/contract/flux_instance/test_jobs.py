import os

import pytest

from overspill_agent.expected_starts import ExpectedStarts
from overspill_agent.ports import JobEvent
from overspill_shared.idset import parse_idset

UNKNOWN_JOB = 123
LIFE = ["submit", "validate", "depend", "priority", "alloc", "start", "finish", "release", "free", "clean"]


def ranks_of(r):
    return frozenset().union(*(parse_idset(entry["rank"]) for entry in r["execution"]["R_lite"]))


def test_job_that_runs_tells_its_whole_life(instance, flux, listen):
    job = instance.submit("-N1", "--setattr=user.colour=blue", "true")
    heard = listen(flux, lambda heard: heard.job(job, "clean"))

    assert [name for name in heard.names(job) if name in LIFE] == LIFE
    submitted, allocated = heard.job(job, "submit"), heard.job(job, "alloc")
    assert submitted.context["urgency"] == 16
    assert submitted.jobspec["attributes"]["user"] == {"colour": "blue"}
    assert "environment" not in submitted.jobspec["attributes"]["system"]
    assert submitted.jobspec["tasks"][0]["command"] == ["true"]
    assert ranks_of(allocated.R) < {0, 1}
    assert allocated.R["version"] == 1
    assert heard.job(job, "finish").context["status"] == 0
    assert submitted.at <= allocated.at <= heard.job(job, "clean").at


def test_job_that_fails_tells_its_exit_code(instance, flux, listen):
    job = instance.submit("sh", "-c", "exit 3")
    heard = listen(flux, lambda heard: heard.job(job, "clean"))

    assert heard.job(job, "finish").context["status"] >> 8 == 3


def test_job_before_the_connection_is_told_as_history(instance, flux, listen):
    job = instance.submit("true")
    listen(flux, lambda heard: heard.job(job, "clean"))
    heard = listen(flux, lambda heard: heard.is_up_to_date())

    assert heard.names(job)[-1] == "clean"
    assert heard.job(job, "submit").jobspec
    assert heard.job(job, "alloc").R


def test_burstable_job_waits_for_its_slot_and_a_local_one_passes_it(instance, flux, empty_slot, listen):
    waiting = instance.submit("-N2", "--setattr=burstable", "true")
    local = instance.submit("-N1", "true")
    heard = listen(flux, lambda heard: heard.job(local, "clean"))

    assert heard.job(waiting, "submit").jobspec["attributes"]["system"]["burstable"] == 1
    assert heard.job(waiting, "submit").jobspec["attributes"]["system"]["queue"] == "burst"
    assert heard.job(waiting, "priority")
    assert not heard.job(waiting, "alloc")
    flux.raise_exception(waiting, severity=0, kind="cancel", note="")
    listen(flux, lambda heard: heard.job(waiting, "clean"))


def test_job_larger_than_all_that_is_declared_never_waits(instance, flux, listen):
    if instance.is_real:
        pytest.skip("with the feasibility validator Flux refuses it at submit, so there is no job to hear of")
    job = instance.submit("-N9", "true")
    heard = listen(flux, lambda heard: heard.job(job, "clean"))

    exception = heard.job(job, "exception")
    assert (exception.context["type"], exception.context["severity"]) == ("alloc", 0)
    assert exception.context["note"] == "unsatisfiable request: need 9 exclusive node(s), only 2 eligible"


def test_urgency_memo_and_remark_show_as_events(instance, flux, empty_slot, listen):
    job = instance.submit("-N2", "--setattr=burstable", "true")

    def act():
        flux.set_urgency(job, 1)
        flux.memo(job, {"overspill": {"burst": "a1"}})
        flux.raise_exception(job, severity=2, kind="overspill", note="waits for nodes")

    heard = listen(flux, lambda heard: heard.job(job, "exception"), then=act)

    assert heard.job(job, "urgency").context["urgency"] == 1
    assert [event.context["priority"] for event in heard.job(job) if event.name == "priority"] == [16, 1]
    assert heard.job(job, "memo").context["overspill"] == {"burst": "a1"}
    remark = heard.job(job, "exception").context
    assert (remark["severity"], remark["type"], remark["note"]) == (2, "overspill", "waits for nodes")
    flux.raise_exception(job, severity=0, kind="cancel", note="")
    heard = listen(flux, lambda heard: heard.job(job, "clean"))
    assert not heard.job(job, "alloc")


def test_job_that_is_gone_or_unknown_is_no_error(instance, flux, listen):
    job = instance.submit("true")
    listen(flux, lambda heard: heard.job(job, "clean"))

    for number in (job, UNKNOWN_JOB):
        flux.memo(number, {"a": 1})
        flux.set_urgency(number, 1)
        flux.raise_exception(number, severity=2, kind="overspill", note="")


def test_held_job_has_priority_0_until_it_is_released(instance, flux, listen):
    # Nothing would start it, whatever nodes came: the agent rents none for it.
    held = instance.submit("--urgency=0", "true")
    heard = listen(flux, lambda heard: heard.job(held, "clean"), then=lambda: flux.set_urgency(held, 16))

    told = [(event.name, event.context.get("priority")) for event in heard.job(held)]
    assert [one for one in told if one[0] in ("priority", "alloc")] == [
        ("priority", 0),
        ("priority", 16),
        ("alloc", None),
    ]


def test_urgency_of_a_running_job_is_no_error(instance, flux, listen):
    job = instance.submit("sleep", "60")
    listen(flux, lambda heard: heard.job(job, "start"))
    flux.set_urgency(job, 1)
    flux.raise_exception(job, severity=0, kind="cancel", note="")
    heard = listen(flux, lambda heard: heard.job(job, "clean"))

    assert not heard.job(job, "urgency")


def test_urgency_out_of_range_is_refused(flux):
    with pytest.raises(ValueError, match="0 to 31"):
        flux.set_urgency(UNKNOWN_JOB, 32)


def test_fatal_exception_ends_a_running_job(instance, flux, listen):
    job = instance.submit("sleep", "60")
    listen(flux, lambda heard: heard.job(job, "start"))
    assert len(flux.allocated()) == 1
    flux.raise_exception(job, severity=0, kind="cancel", note="enough")
    heard = listen(flux, lambda heard: heard.job(job, "clean"))

    assert heard.job(job, "exception").context["note"] == "enough"
    # The shell reports a task that SIGTERM ended as 128 + 15; SIGTERM may also end a shell that just starts.
    assert os.waitstatus_to_exitcode(heard.job(job, "finish").context["status"]) in {128 + 15, -15}
    assert flux.allocated() == frozenset()


def test_scheduler_says_when_a_waiting_job_starts_before_the_history_ends_and_when_it_changes(instance, flux, listen):
    if not instance.is_real:
        pytest.skip("the stand-in imitates no scheduler: it says nothing")
    running = instance.submit("-N2", "--exclusive", "-t", "600s", "sleep", "600")
    listen(flux, lambda heard: heard.job(running, "start"))
    waiting = instance.submit("-N2", "-t", "600s", "true")
    listen(flux, lambda heard: heard.job(waiting, "priority"))

    starts = ExpectedStarts()
    heard = listen(flux, lambda heard: heard.is_up_to_date())
    for event in heard.of(JobEvent):
        starts.apply(event)
    ends_at = heard.job(running, "alloc").at + 600
    assert starts.values == {waiting: pytest.approx(ends_at, abs=2)}

    def cancel():
        flux.raise_exception(running, severity=0, kind="cancel", note="")

    heard = listen(flux, lambda heard: heard.job(waiting, "clean"), then=cancel)
    for event in heard.of(JobEvent):
        starts.apply(event)
    assert starts.values == {}
