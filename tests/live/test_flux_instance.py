from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import pytest

from overspill_agent.flux_instance import RealFlux
from overspill_agent.flux_job_requests import MAX_ON_THE_WAY
from overspill_agent.ports import HistoryReplayed, RankResources
from overspill_shared import burst_mark
from overspill_shared.errors import AlreadyServed, FluxError
from overspill_shared.lead_config import Scheduler
from overspill_shared.secrets import Secret

UNKNOWN_JOB = 123


def test_facts_describe_the_declared_instance(instance, flux):
    facts = flux.facts()

    assert facts.is_real
    assert facts.scheduler == instance.layout.scheduler
    assert facts.scheduler_options == (
        {"prune-filters": "ALL:core", "match-policy": "first", "queue-policy": "hybrid"}
        if instance.layout.scheduler is Scheduler.FLUXION
        else {}
    )
    assert facts.hosts == ("lead-0", "lead-1", "burst-0-0", "burst-0-1", "burst-0-2", "burst-0-3")
    assert facts.resources == tuple(
        RankResources(rank=rank, cores=2, gpus=0, properties=frozenset({"burst"} if rank > 1 else ()))
        for rank in range(6)
    )
    assert facts.config == instance.layout.config()
    assert 0 < time.time() - facts.started_at < 3600, "when its lead broker started"
    assert facts.flux_version == instance.command("flux", "getattr", "version")
    assert os.path.realpath(f"{facts.prefix}/libexec/flux/flux-shell") == os.path.realpath(
        instance.command("flux", "config", "builtin", "shell_path")
    )
    assert (facts.uid, facts.gid) == (os.getuid(), os.getgid())
    assert facts.topology is None


def test_curve_cert_is_the_brokers(instance, flux):
    assert flux.read_curve_cert() == Secret(instance.layout.curve_cert.read_bytes())


def test_state_that_was_written_is_read_by_another_connection(instance, flux):
    flux.write_state({"instance": {"generation": 7}, "bursts.a1": ["x", 1], "bursts.b2": "text", "zero": 0})
    flux.write_state({"bursts.a1": None, "instance": {"generation": 8}, "never.there": None})
    flux.write_state({})
    with contextlib.closing(RealFlux.connect(instance.layout.uri)) as other:
        assert other.read_state() == {"instance": {"generation": 8}, "bursts.b2": "text", "zero": 0}

    flux.write_state(dict.fromkeys(("instance", "bursts.b2", "zero")))
    assert flux.read_state() == {}


def test_state_inside_a_job_goes_to_the_instance_itself(flux, monkeypatch):
    monkeypatch.setenv("FLUX_KVS_NAMESPACE", "job-1234")
    flux.write_state({"a": 1})

    monkeypatch.delenv("FLUX_KVS_NAMESPACE")
    assert flux.read_state() == {"a": 1}
    flux.write_state({"a": None})


def test_lock_is_held_by_one_and_free_once_it_is_closed(instance, flux, listen):
    with contextlib.closing(RealFlux.connect(instance.layout.uri)) as first:
        first.lock()
        with pytest.raises(AlreadyServed, match="Another agent"):
            flux.lock()
        listen(first, lambda heard: heard.has(HistoryReplayed))
    first.close()

    flux.lock()


def test_connections_leave_nothing_open(instance, listen):
    def use() -> int:
        with contextlib.closing(RealFlux.connect(instance.layout.uri)) as flux:
            flux.call_later(60, flux.stop)
            flux.leave(frozenset({5}))
            listen(flux, lambda heard: heard.has(HistoryReplayed))
        return len(list(Path("/proc/self/fd").iterdir()))

    assert len({use() for _ in range(3)}) == 1


def test_memo_and_urgency_show_in_flux_jobs(instance, flux):
    jobid = instance.submit("-N4", "--setattr=burstable", "true")
    flux.memo(jobid, {"overspill": {"burst": "b-1"}})
    flux.set_urgency(jobid, 1)

    shown = instance.job(jobid, "{user.overspill.burst} {urgency}")
    instance.cancel(jobid)
    assert shown == "b-1 1"


def test_remark_stands_in_the_jobs_log_and_does_not_end_it(instance, flux):
    jobid = instance.submit("-N4", "--setattr=burstable", "true")
    flux.raise_exception(jobid, severity=2, kind="overspill", note="held: over the cap")

    shown = instance.command("flux", "job", "wait-event", "--timeout=20", str(jobid), "exception")
    state = instance.job(jobid, "{state}")
    instance.cancel(jobid)
    assert 'type="overspill" severity=2' in shown
    assert "held: over the cap" in shown
    assert state == "SCHED"


@pytest.mark.parametrize("rank", [1, 4], ids=["a node without one", "a rank that is offline"])
def test_burst_mark_that_is_not_there_is_none(flux, rank):
    answers = []
    flux.read_burst_mark(rank, lambda text: (answers.append(text), flux.stop()))
    flux.run(lambda _event: None)

    assert answers == [None]


def test_burst_mark_is_the_file_beside_a_nodes_broker_toml(instance, flux):
    directory = instance.layout.config_directory
    (directory / burst_mark.FILE_NAME).write_text('{"burst": "1"}\n')
    answers = []
    flux.read_burst_mark(1, lambda text: (answers.append(text), flux.stop()))
    flux.run(lambda _event: None)
    (directory / burst_mark.FILE_NAME).unlink()

    assert answers == ['{"burst": "1"}\n']


@pytest.mark.parametrize("is_known", [True, False], ids=["inactive", "unknown"])
def test_marks_on_a_job_that_is_gone_are_no_error(instance, flux, listen, caplog, is_known):
    jobid = UNKNOWN_JOB
    if is_known:
        jobid = instance.submit("true")
        instance.command("flux", "job", "wait-event", "--timeout=20", str(jobid), "clean")

    flux.memo(jobid, {"overspill": "x"})
    flux.set_urgency(jobid, 1)
    flux.raise_exception(jobid, severity=2, kind="overspill", note="x")
    listen(flux, lambda heard: heard.has(HistoryReplayed))
    assert "job.not_told" not in caplog.messages


def test_marks_that_flux_refuses_are_logged_once(instance, flux, listen, caplog):
    jobid = instance.submit("-N4", "--setattr=burstable", "true")
    for _ in range(3):
        flux.raise_exception(jobid, severity=9, kind="overspill", note="x")
    flux.memo(jobid, {"overspill": {"last": 1}})
    listen(flux, lambda heard: "memo" in heard.names(jobid))
    instance.cancel(jobid)

    (line,) = [record for record in caplog.records if record.message == "job.not_told"]
    assert (line.what, line.jobid) == ("job-manager.raise", jobid)


def test_marks_of_thousands_of_jobs_are_sent_though_only_some_fit_on_the_way(instance, flux, listen):
    jobid = instance.submit("-N4", "--setattr=burstable", "true")
    for number in range(8 * MAX_ON_THE_WAY):
        flux.memo(jobid, {"overspill": {"number": number}})
    listen(flux, lambda heard: heard.names(jobid).count("memo") == 8 * MAX_ON_THE_WAY)

    assert instance.job(jobid, "{user.overspill.number}") == str(8 * MAX_ON_THE_WAY - 1)
    instance.cancel(jobid)


def test_marks_that_wait_for_room_are_sent_when_the_connection_is_closed(instance):
    jobid = instance.submit("-N4", "--setattr=burstable", "true")
    with contextlib.closing(RealFlux.connect(instance.layout.uri)) as short_lived:
        for number in range(8 * MAX_ON_THE_WAY):
            short_lived.memo(jobid, {"overspill": {"number": number}})

    counted = f"--count={8 * MAX_ON_THE_WAY}"
    instance.command("flux", "job", "wait-event", "--timeout=20", counted, str(jobid), "memo")
    instance.cancel(jobid)


def test_urgency_out_of_range_is_refused(flux):
    with pytest.raises(ValueError, match="0 to 31"):
        flux.set_urgency(UNKNOWN_JOB, 32)


def test_drain_of_ranks_that_do_not_exist_is_refused_in_fluxs_words(flux):
    with pytest.raises(FluxError, match="out of range"):
        flux.drain(frozenset({99}), "x")


def test_allocated_gives_the_ranks_that_have_work(instance, flux):
    assert flux.allocated() == frozenset()
    jobid = instance.submit("-N1", "sleep", "60")
    instance.command("flux", "job", "wait-event", "--timeout=20", str(jobid), "start")

    allocated = flux.allocated()
    instance.cancel(jobid)
    assert len(allocated) == 1
    assert allocated < {0, 1}
