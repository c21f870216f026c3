import contextlib
import signal

import pytest

from overspill_shared.errors import FluxUnavailable


def test_lead_that_goes_away_ends_run_and_every_request(own_instance, listen):
    with contextlib.closing(own_instance.connect()) as flux:
        with pytest.raises(FluxUnavailable):
            listen(flux, lambda _: False, then=lambda: own_instance.kill(0))
        with pytest.raises(FluxUnavailable):
            flux.read_state()
        with pytest.raises(FluxUnavailable):
            flux.facts()
        with pytest.raises(FluxUnavailable):
            own_instance.connect()


def test_state_and_drained_ranks_survive_the_leads_sudden_death(own_instance, listen):
    with contextlib.closing(own_instance.connect()) as flux:
        flux.drain(frozenset({2}), "leaving")
        flux.write_state({"bursts.a1": {"state": "REQUESTED"}})
    for rank in (1, 0):
        own_instance.kill(rank)
    own_instance.start()

    with contextlib.closing(own_instance.connect()) as back:
        assert back.read_state() == {"bursts.a1": {"state": "REQUESTED"}}
        assert listen(back, lambda heard: heard.is_up_to_date()).drained() == {2}
        back.lock()


def test_lead_that_is_told_to_end_takes_its_followers_along(own_instance, listen):
    own_instance.start_followers()
    with contextlib.closing(own_instance.connect()) as flux:
        listen(flux, lambda heard: heard.online() == {0, 1, 2, 3})
    own_instance.signal(0, signal.SIGTERM)

    assert {rank: own_instance.wait_exit(rank) for rank in (3, 2, 1, 0)} == {0: 0, 1: 0, 2: 0, 3: 0}
