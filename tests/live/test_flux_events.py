from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

import pytest

from overspill_agent.flux_instance import RealFlux
from overspill_agent.ports import DrainedChanged, HistoryReplayed, JobEvent, OnlineChanged, TorpidChanged
from overspill_shared.errors import ConfigError, FluxUnavailable


def test_run_after_jobs_were_submitted_replays_their_history_in_order(instance, flux, listen):
    done = instance.submit("--env=SECRET=x", "true")
    instance.command("flux", "job", "wait-event", "--timeout=20", str(done), "clean")
    waiting = instance.submit("-N4", "--setattr=burstable", "true")

    heard = listen(flux, lambda heard: heard.has(HistoryReplayed))
    instance.cancel(waiting)

    assert isinstance(heard[-1], HistoryReplayed)
    names = heard.names(done)
    assert names[:3] == ["submit", "validate", "depend"]
    assert [name for name in names if name in ("alloc", "start", "finish", "free", "clean")] == [
        "alloc",
        "start",
        "finish",
        "free",
        "clean",
    ]
    assert heard.names(waiting)[-1] == "priority"
    times = [event.at for event in heard if isinstance(event, JobEvent)]
    assert times == sorted(times)
    submit = heard.job(waiting)[0]
    assert submit.jobspec["attributes"]["system"]["burstable"] == 1
    assert "environment" not in heard.job(done)[0].jobspec["attributes"]["system"]
    allocation = next(event for event in heard.job(done) if event.name == "alloc")
    assert allocation.R["execution"]["R_lite"]
    assert all(event.jobspec is None for event in heard.job(done)[1:])


def test_run_tells_the_present_ranks_before_the_history_ends(flux, listen):
    heard = listen(flux, lambda heard: heard.has(HistoryReplayed))

    before = heard[: next(place for place, event in enumerate(heard) if isinstance(event, (JobEvent, HistoryReplayed)))]
    assert sorted(type(event).__name__ for event in before) == ["DrainedChanged", "OnlineChanged", "TorpidChanged"]
    assert heard.latest(OnlineChanged) == {0, 1}
    assert heard.latest(TorpidChanged) == frozenset()
    assert heard.latest(DrainedChanged) == frozenset()


def test_run_while_a_job_is_submitted_hears_its_events_as_they_happen(instance, flux, listen):
    submitted = []

    def until(heard):
        if isinstance(heard[-1], HistoryReplayed):
            flux.call_soon(lambda: submitted.append(instance.submit("true")))
        return bool(submitted) and heard[-1] in heard.job(submitted[0]) and heard[-1].name == "clean"

    heard = listen(flux, until)

    replayed = next(place for place, event in enumerate(heard) if isinstance(event, HistoryReplayed))
    assert heard.index(heard.job(submitted[0])[0]) > replayed
    assert [name for name in heard.names(submitted[0]) if name in ("submit", "alloc", "clean")] == [
        "submit",
        "alloc",
        "clean",
    ]


def test_listener_of_an_earlier_run_hears_nothing_of_the_next(instance, flux, listen):
    earlier = listen(flux, lambda heard: heard.has(HistoryReplayed))
    known = list(earlier)
    submitted = []

    def until(heard):
        if isinstance(heard[-1], HistoryReplayed):
            flux.call_soon(lambda: submitted.append(instance.submit("true")))
        return bool(submitted) and "clean" in heard.names(submitted[0])

    later = listen(flux, until)

    assert earlier == known
    assert len([event for event in later if isinstance(event, OnlineChanged)]) == 1
    assert len(set(later.names(submitted[0]))) == len(later.names(submitted[0]))


def test_undrain_leaves_other_ranks_drained(flux, listen):
    flux.drain(frozenset({4, 5}), "x")
    flux.undrain(frozenset({3, 4}))

    heard = listen(flux, lambda heard: heard.has(DrainedChanged))
    flux.undrain(frozenset({5}))
    assert heard.latest(DrainedChanged) == {5}


def test_ranks_that_join_drain_and_leave_are_told_each_time(instance, flux, listen):
    ranks = frozenset(instance.layout.slot_ranks)
    steps = []

    def until(heard):
        online, drained = heard.latest(OnlineChanged), heard.latest(DrainedChanged)
        if not steps and heard.has(HistoryReplayed):
            steps.append("start")
            instance.start_followers()
        elif steps == ["start"] and ranks <= online:
            steps.append("drain")
            flux.drain(ranks, "leaving")
            flux.drain(ranks, "drained already is no error")
        elif steps == ["start", "drain"] and ranks <= drained:
            steps.append("leave")
            flux.leave(ranks)
        elif steps == ["start", "drain", "leave"] and not ranks & online:
            steps.append("undrain")
            flux.undrain(ranks)
            flux.undrain(ranks)
        return steps[-1:] == ["undrain"] and not drained

    listen(flux, until)

    assert [instance.wait_exit(rank) for rank in ranks] == [0, 0, 0, 0]


def test_leave_without_a_running_loop_still_ends_the_brokers(instance, slot):
    with contextlib.closing(RealFlux.connect(instance.layout.uri)) as short_lived:
        short_lived.leave(slot)

    assert [instance.wait_exit(rank) for rank in slot] == [0, 0, 0, 0]


def test_leave_that_is_said_twice_ends_the_brokers_as_once(instance, flux, slot):
    flux.leave(slot)
    flux.leave(slot)

    assert [instance.wait_exit(rank) for rank in slot] == [0, 0, 0, 0]


def test_leave_of_ranks_that_are_offline_is_no_error(flux, listen):
    flux.leave(frozenset({4, 5}))

    assert listen(flux, lambda heard: heard.has(HistoryReplayed)).latest(OnlineChanged) == {0, 1}


def test_killed_lead_ends_run_with_flux_unavailable(own_instance, own_flux):
    own_flux.call_later(0, lambda: own_instance.kill(0))

    with pytest.raises(FluxUnavailable, match="went away"):
        own_flux.run(lambda _event: None)
    with pytest.raises(FluxUnavailable):
        own_flux.facts()
    own_flux.close()
    with pytest.raises(FluxUnavailable, match="closed"):
        own_flux.facts()
    with pytest.raises(FluxUnavailable, match="No Flux broker answers"):
        RealFlux.connect(own_instance.layout.uri)


def test_connect_to_a_follower_is_refused(instance):
    uri = f"local://{instance.layout.run_directory(1)}/local-1"

    with pytest.raises(ConfigError, match="rank 1"):
        RealFlux.connect(uri)


def test_call_soon_that_repeats_itself_does_not_starve_the_rest(flux, listen):
    def again():
        flux.call_soon(again)

    flux.call_soon(again)

    assert listen(flux, lambda heard: heard.has(HistoryReplayed))


def test_calls_that_stop_cut_off_are_made_in_the_next_run(flux):
    made = []
    flux.call_soon(flux.stop)
    flux.call_soon(lambda: (made.append("late"), flux.stop()))
    flux.run(lambda _event: None)
    assert made == []

    flux.call_later(20, lambda: pytest.fail("the call was forgotten"))
    flux.run(lambda _event: None)

    assert made == ["late"]


def test_nothing_is_told_after_stop(flux):
    heard = []

    def on_event(event):
        heard.append(event)
        flux.stop()

    flux.run(on_event)

    assert len(heard) == 1


def test_stop_in_a_signal_handler_ends_run_at_once(flux):
    previous = signal.signal(signal.SIGUSR1, lambda *_: flux.stop())
    sender = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1))
    try:
        started = time.monotonic()
        sender.start()
        flux.call_later(5, flux.stop)
        flux.run(lambda _event: None)
        assert time.monotonic() - started < 4
    finally:
        sender.join()
        signal.signal(signal.SIGUSR1, previous)


def test_interrupt_comes_out_of_run(flux):
    sender = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    sender.start()

    with pytest.raises(KeyboardInterrupt):
        flux.run(lambda _event: None)

    sender.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_timer_waits_from_now_and_a_cancelled_one_never_comes(flux):
    made = []
    flux.call_later(0.1, lambda: made.append("cancelled")).cancel()
    # Long enough for the loop's own clock to be far behind.
    threading.Event().wait(0.3)
    started = time.monotonic()
    timer = flux.call_later(0.2, flux.stop)
    flux.run(lambda _event: None)

    assert time.monotonic() - started >= 0.2
    assert made == []
    timer.cancel()


def test_run_in_another_thread_than_the_main_one_works(instance):
    heard = []

    def serve():
        with contextlib.closing(RealFlux.connect(instance.layout.uri)) as flux:
            flux.run(lambda event: (heard.append(event), flux.stop()))

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join(20)

    assert not thread.is_alive()
    assert heard
