import contextlib
import signal

import pytest

from overspill_agent.ports import TorpidChanged
from overspill_shared.broker_toml import build_burst_config
from overspill_shared.idset import parse_idset


def test_slot_that_joins_runs_the_waiting_job(instance, flux, empty_slot, listen):
    job = instance.submit("-N2", "-n2", "--setattr=burstable", "true")
    listen(flux, lambda heard: heard.job(job, "priority"))
    heard = listen(flux, lambda heard: heard.job(job, "clean"), then=instance.start_followers)

    (entry,) = heard.job(job, "alloc").R["execution"]["R_lite"]
    assert parse_idset(entry["rank"]) == empty_slot
    assert heard.job(job, "finish").context["status"] == 0


def test_drained_ranks_get_no_work_until_they_are_undrained(instance, flux, slot, listen):
    flux.drain(slot, "leaving")
    flux.drain(slot, "again")
    heard = listen(flux, lambda heard: heard.is_up_to_date())
    assert heard.drained() == slot

    job = instance.submit("-N2", "--setattr=burstable", "true")
    local = instance.submit("-N1", "true")
    heard = listen(flux, lambda heard: heard.job(local, "clean"))
    assert not heard.job(job, "alloc")

    def undrain():
        flux.undrain(slot)
        flux.undrain(slot)

    heard = listen(flux, lambda heard: heard.job(job, "clean"), then=undrain)
    assert heard.drained() == frozenset()
    assert heard.job(job, "finish").context["status"] == 0


def test_drain_of_a_busy_rank_lets_its_job_end(instance, flux, slot, listen):
    job = instance.submit("-N2", "-n2", "--setattr=burstable", "sleep", "0.3")
    listen(flux, lambda heard: heard.job(job, "start"))
    assert flux.allocated() == slot
    flux.drain(slot, "leaving")
    heard = listen(flux, lambda heard: heard.job(job, "clean"))

    assert heard.job(job, "finish").context["status"] == 0
    assert heard.drained() == slot
    assert flux.allocated() == frozenset()


def test_ranks_that_leave_in_band_go_offline_and_exit_zero(instance, flux, slot, listen):
    heard = listen(
        flux, lambda heard: heard.is_up_to_date() and not slot & heard.online(), then=lambda: flux.leave(slot)
    )

    assert heard.online() == {0, 1}
    assert {instance.wait_exit(rank) for rank in slot} == {0}
    flux.leave(slot)


def test_offline_ranks_can_be_drained_and_undrained(flux, empty_slot, listen):
    flux.drain(empty_slot, "not wanted")
    assert listen(flux, lambda heard: heard.is_up_to_date()).drained() == empty_slot
    flux.undrain(empty_slot)
    assert listen(flux, lambda heard: heard.is_up_to_date()).drained() == frozenset()


def test_rank_that_dies_fails_its_job_with_its_name(instance, flux, slot, listen):
    job = instance.submit("-N2", "-n2", "--setattr=burstable", "sleep", "60")
    listen(flux, lambda heard: heard.job(job, "start"))
    lost = max(slot)
    heard = listen(
        flux,
        lambda heard: heard.job(job, "clean") and lost not in heard.online(),
        then=lambda: instance.kill(lost),
    )

    exception = heard.job(job, "exception").context
    assert (exception["type"], exception["severity"]) == ("exec", 0)
    assert exception["note"] == f"node failure on {instance.layout.hosts[lost]} (rank {lost})"
    assert heard.job(job, "finish").context["status"] != 0


def test_rank_that_is_silent_is_torpid_until_it_speaks(instance, flux, slot, listen):
    if instance.is_real:
        pytest.skip("takes Flux ten seconds; tests/live has this case")
    silent = max(slot)

    def latest(heard):
        events = heard.of(TorpidChanged)
        return events[-1].ranks if events else frozenset()

    heard = listen(flux, lambda heard: latest(heard) == {silent}, then=lambda: instance.signal(silent, signal.SIGSTOP))
    assert silent in heard.online()
    listen(
        flux,
        lambda heard: heard.is_up_to_date() and not latest(heard),
        then=lambda: instance.signal(silent, signal.SIGCONT),
    )


def test_second_connection_hears_the_same_ranks(instance, flux, slot, listen):
    with contextlib.closing(instance.connect()) as other:
        heard = listen(other, lambda heard: heard.is_up_to_date())

    assert heard.online() == {0, 1} | slot


def test_follower_whose_host_has_another_rank_is_rejected(instance, empty_slot):
    config = instance.layout.config()
    first, _ = config["bootstrap"]["hosts"]
    config["bootstrap"]["hosts"] = [first, {"host": "lead-1,burst-0-1,burst-0-0"}]
    instance.start_followers(build_burst_config(config, host="127.0.0.1", port=instance.layout.port))

    assert {instance.wait_exit(rank) for rank in (2, 3)} == {1}
    assert "rejecting connection from burst-0-0 (rank 3)" in instance.log(0)
    assert "mismatched config" in instance.log(0)


def test_follower_that_is_not_declared_exits_at_once(instance, empty_slot):
    config = instance.layout.config()
    first, _ = config["bootstrap"]["hosts"]
    config["bootstrap"]["hosts"] = [first, {"host": "lead-1"}]
    instance.start_followers(build_burst_config(config, host="127.0.0.1", port=instance.layout.port))

    assert {instance.wait_exit(rank) for rank in (2, 3)} == {1}
    assert "burst-0-0 not found in hosts" in instance.log(2)
