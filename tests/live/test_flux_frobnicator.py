from __future__ import annotations

from overspill_agent.ports import HistoryReplayed, OnlineChanged
from overspill_shared.lead_config import Scheduler


def test_burstable_job_waits_for_its_ranks_and_lets_local_jobs_pass(instance, flux, listen):
    burstable = instance.submit("-N4", "--setattr=burstable", "hostname")
    if instance.layout.scheduler is Scheduler.SIMPLE:
        # One first-in-first-out order over all queues: the waiting job must step back.
        flux.set_urgency(burstable, 1)
    local = instance.submit("-N1", "hostname")
    instance.command("flux", "job", "wait-event", "--timeout=20", str(local), "clean")
    assert instance.job(burstable, "{queue} {state}") == "burst SCHED"
    assert instance.job(local, "{queue} {nodelist}").startswith("local lead-")
    ranks = frozenset(instance.layout.slot_ranks)

    def until(heard):
        if isinstance(heard[-1], HistoryReplayed):
            instance.start_followers()
        done = "clean" in heard.names(burstable)
        if done and not left:
            left.append(True)
            flux.leave(ranks)
        return bool(left) and not ranks & heard.latest(OnlineChanged)

    left = []
    heard = listen(flux, until)

    assert instance.job(burstable, "{status} {nodelist}") == "COMPLETED burst-0-[0-3]"
    assert heard.names(burstable)[0] == "submit"
    assert [instance.wait_exit(rank) for rank in ranks] == [0, 0, 0, 0]


def test_burstable_job_that_names_a_queue_keeps_it(instance):
    jobid = instance.submit("-N1", "--queue=local", "--setattr=burstable", "true")

    assert instance.job(jobid, "{queue}") == "local"


def test_job_with_a_falsy_mark_stays_at_home(instance):
    jobid = instance.submit("-N1", "--setattr=burstable=0", "true")

    assert instance.job(jobid, "{queue}") == "local"


def test_frobnicator_is_listed_with_its_option_by_flux(instance):
    path = str(instance.layout.frobnicator_path)

    shown = instance.command("flux", "job-frobnicator", f"--plugins={path},defaults", "--help")

    assert "--burst-queue" in shown
