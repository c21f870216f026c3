import contextlib
import threading
import time

import pytest

from overspill_agent.ports import DrainedChanged, OnlineChanged


class Broken(Exception):
    pass


def ignore(_event):
    pass


def test_run_begins_with_present_ranks_and_the_end_of_history(flux, empty_slot, listen):
    heard = listen(flux, lambda heard: heard.is_up_to_date() and heard.online() == {0, 1})

    assert heard.drained() == frozenset()
    assert heard.of(OnlineChanged)
    assert heard.of(DrainedChanged)


def test_run_again_tells_everything_again(flux, empty_slot, listen):
    for _ in range(2):
        heard = listen(flux, lambda heard: heard.is_up_to_date() and heard.online() == {0, 1})
        assert heard.drained() == frozenset()


def test_run_after_stop_returns_at_once_and_only_once(flux, listen):
    flux.stop()
    flux.run(lambda event: pytest.fail(f"{event} was told"))

    assert listen(flux, lambda heard: heard.is_up_to_date()).events


def test_stop_from_another_thread_ends_run(flux):
    timer = threading.Timer(0.05, flux.stop)
    timer.start()
    flux.run(ignore)
    timer.join()


@pytest.mark.parametrize("place", ["event", "timer", "call"])
def test_exception_of_a_callback_is_raised_by_run(flux, place):
    def fail(*_):
        raise Broken

    if place == "timer":
        flux.call_later(0, fail)
    elif place == "call":
        flux.call_soon(fail)
    with pytest.raises(Broken):
        flux.run(fail if place == "event" else ignore)


def test_call_soon_from_a_thread_is_made_in_the_owners(flux):
    made = []

    def call():
        made.append(threading.get_ident())
        flux.stop()

    thread = threading.Timer(0.05, lambda: flux.call_soon(call))
    thread.start()
    flux.run(ignore)
    thread.join()

    assert made == [threading.get_ident()]


def test_calls_are_made_in_the_order_of_asking(flux):
    made = []
    for number in range(3):
        flux.call_soon(lambda number=number: made.append(number))
    flux.call_soon(flux.stop)
    flux.run(ignore)

    assert made == [0, 1, 2]


def test_timers_expire_in_order_and_cancelled_ones_never(flux):
    made = []
    flux.call_later(0.06, lambda: (made.append("late"), flux.stop()))
    flux.call_later(0.01, lambda: made.append("early"))
    cancelled = flux.call_later(0.03, lambda: made.append("cancelled"))
    cancelled.cancel()
    cancelled.cancel()
    start = time.monotonic()
    flux.run(ignore)

    assert made == ["early", "late"]
    assert time.monotonic() - start >= 0.05


def test_timer_that_has_expired_may_be_cancelled(flux):
    timer = flux.call_later(0, flux.stop)
    flux.run(ignore)

    timer.cancel()


def test_requests_inside_callbacks_lose_no_event(instance, flux, listen):
    jobs = [instance.submit("-N1", "true") for _ in range(2)]

    def ask_and_listen(heard):
        flux.read_state()
        return all(heard.job(job, "clean") for job in jobs)

    heard = listen(flux, ask_and_listen)

    for job in jobs:
        assert heard.names(job)[0] == "submit"
        assert heard.names(job)[-1] == "clean"


def test_close_may_be_repeated(instance):
    connected = instance.connect()
    with contextlib.closing(connected):
        connected.close()
