import contextlib
import os
import re
import time
from pathlib import Path

import pytest

from overspill_agent.ports import RankResources
from overspill_shared.errors import AlreadyServed
from overspill_shared.secrets import MASK, Secret


def test_facts_describe_the_declared_instance(instance, flux):
    facts = flux.facts()

    assert facts.is_real == instance.is_real
    assert facts.scheduler in ({"fluxion", "simple"} if instance.is_real else {"stand-in"})
    assert facts.hosts == ("lead-0", "lead-1", "burst-0-0", "burst-0-1")
    assert facts.resources == tuple(
        RankResources(rank=rank, cores=2, gpus=0, properties=frozenset({"burst"} if rank > 1 else ()))
        for rank in range(4)
    )
    assert facts.config == instance.layout.config()
    assert re.match(r"\d+\.\d+\.\d+", facts.flux_version)
    assert Path(facts.prefix).is_dir()
    assert (facts.uid, facts.gid) == (os.getuid(), os.getgid())
    assert facts.topology is None


def test_curve_cert_is_the_brokers_and_masked(instance, flux):
    cert = flux.read_curve_cert()

    assert cert == Secret(instance.layout.curve_cert.read_bytes())
    assert MASK in repr(cert)


def test_state_that_was_written_is_read_by_another_connection(instance, flux):
    flux.write_state({"instance": {"generation": 7}, "bursts.a1": ["x", 1], "bursts.b2": "text", "zero": 0})
    flux.write_state({"bursts.a1": None, "instance": {"generation": 8}, "never.there": None})
    flux.write_state({})

    with contextlib.closing(instance.connect()) as other:
        assert other.read_state() == {"instance": {"generation": 8}, "bursts.b2": "text", "zero": 0}
    flux.write_state(dict.fromkeys(("instance", "bursts.b2", "zero")))
    assert flux.read_state() == {}


def test_lock_while_another_holds_it_is_refused_and_free_once_that_closes(instance, flux):
    with contextlib.closing(instance.connect()) as first:
        first.lock()
        with pytest.raises(AlreadyServed):
            flux.lock()

    # The broker hears of the other's end a moment later.
    deadline = time.monotonic() + 10
    while not is_locked(flux):
        assert time.monotonic() < deadline, "the lock is not free"


def is_locked(flux):
    try:
        flux.lock()
    except AlreadyServed:
        return False
    return True
