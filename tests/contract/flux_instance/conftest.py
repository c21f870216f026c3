"""One port, two instances behind it: every case of this folder runs against the stand-in, and against real Flux where
it is installed.

The files of both instances are the same; only the commands differ.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from overspill_agent import flux_frobnicator
from overspill_agent.flux_instance import RealFlux
from overspill_agent.ports import DrainedChanged, HistoryReplayed, JobEvent, OnlineChanged
from overspill_agent.standin_instance import StandInFlux
from overspill_local import death_wrapper
from overspill_local.flux_brokers import LeadLayout
from overspill_local.free_port import free_port
from overspill_local.standin import cli
from overspill_local.standin.jobid import parse_jobid
from overspill_local.standin_brokers import StandInBrokers
from overspill_shared.broker_toml import build_burst_config

DEADLINE_S = 30.0
QUICK_TIMES = {"heartbeat": {"period": "0.2s"}, "tbon": {"torpid_min": "0.2s", "torpid_max": "1s"}}


class StandIn:
    """How the stand-in is connected to and used."""

    connect = StandInFlux.connect

    def __init__(self, layout):
        self.commands = StandInBrokers(layout=layout)
        self.uri = self.commands.uri

    def prepare(self, instance):
        pass

    def submit(self, *argv):
        written = io.StringIO()
        with contextlib.redirect_stdout(written):
            assert cli.main(["submit", f"--uri={self.uri}", *argv]) == 0
        return parse_jobid(written.getvalue().strip())


class Real:
    """How real Flux is connected to and used."""

    connect = RealFlux.connect

    def __init__(self, layout):
        self.commands = layout
        self.uri = layout.uri

    def prepare(self, instance):
        instance.command(*self.commands.start_queues_argv())

    def submit(self, *argv):
        environ = {**os.environ, "FLUX_URI": self.uri}
        done = subprocess.run(
            ["flux", "submit", *argv], env=environ, check=True, capture_output=True, text=True, timeout=DEADLINE_S
        )
        return parse_jobid(done.stdout.strip())


class Instance:
    """A lead of two ranks, and a slot of two that are down until `start_followers`."""

    def __init__(self, directory, backend):
        self.layout = LeadLayout(
            directory=directory,
            port=free_port(),
            frobnicator_path=Path(flux_frobnicator.__file__),
            slot_nodes=2,
            more_config=QUICK_TIMES,
        )
        self.backend = backend(self.layout)
        self.is_real = backend is Real
        self.brokers = {}

    def connect(self):
        return self.backend.connect(self.backend.uri)

    def submit(self, *argv):
        return self.backend.submit(*argv)

    def start(self):
        for path in self.layout.directories:
            path.mkdir(exist_ok=True)
        for path, text in self.layout.files.items():
            path.write_text(text)
        commands = self.backend.commands
        if not self.layout.curve_cert.exists():
            self.command(*commands.keygen_argv())
        for rank in self.layout.local_ranks:
            self._start_broker(rank, commands.local_argv(rank))
        self.command(*commands.wait_argv(timeout_s=DEADLINE_S))
        self.backend.prepare(self)

    def start_followers(self, text=None):
        """Start the slot's brokers that do not run, with the broker.toml that a burst would bring."""
        text = text or build_burst_config(self.layout.config(), host="127.0.0.1", port=self.layout.port)
        directory = self.layout.directory / "burst"
        directory.mkdir(exist_ok=True)
        (directory / "broker.toml").write_text(self.layout.burst_config(text))
        for rank in set(self.layout.slot_ranks) - set(self.brokers):
            self._start_broker(rank, self.backend.commands.follower_argv(rank, directory))

    def wait_exit(self, rank):
        return self.brokers.pop(rank).wait(DEADLINE_S)

    def kill(self, rank):
        self.brokers[rank].kill()
        self.wait_exit(rank)

    def signal(self, rank, number):
        self.brokers[rank].send_signal(number)

    def stop(self):
        """End every broker; the lead is told last, as its followers wait for it otherwise."""
        # A follower whose lead is dead waits for it before it heeds SIGTERM.
        number = signal.SIGTERM if 0 in self.brokers else signal.SIGKILL
        for rank in sorted(self.brokers, reverse=True):
            self.brokers[rank].send_signal(signal.SIGCONT)
            self.brokers[rank].send_signal(number)
        deadline = time.monotonic() + DEADLINE_S
        for process in self.brokers.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(DEADLINE_S)
        self.brokers.clear()

    def command(self, *argv):
        environ = {**os.environ, "FLUX_URI": self.backend.uri}
        done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def log(self, rank):
        return (self.layout.directory / f"{rank}.log").read_text()

    def _start_broker(self, rank, argv):
        with (self.layout.directory / f"{rank}.log").open("ab") as log:
            self.brokers[rank] = subprocess.Popen(
                [sys.executable, "-I", "-S", death_wrapper.__file__, str(os.getpid()), *argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


class Heard:
    """What an instance told, in order."""

    def __init__(self):
        self.events = []

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    def job(self, jobid, name=None):
        """Events of a job, or its first of a name; None while there is none."""
        events = [event for event in self.of(JobEvent) if event.jobid == jobid]
        return events if name is None else next((event for event in events if event.name == name), None)

    def names(self, jobid):
        return [event.name for event in self.job(jobid)]

    def online(self):
        return self._latest(OnlineChanged)

    def drained(self):
        return self._latest(DrainedChanged)

    def is_up_to_date(self):
        return bool(self.of(HistoryReplayed))

    def _latest(self, kind):
        events = self.of(kind)
        return events[-1].ranks if events else None


def listen(flux, until, *, then=None):
    """Run until what was heard is enough; `then` is called once, as soon as the history is known."""
    heard = Heard()
    pending = [then] if then else []

    def on_event(event):
        heard.events.append(event)
        if pending and heard.is_up_to_date():
            pending.pop()()
        if not pending and until(heard):
            flux.stop()

    def give_up():
        raise TimeoutError(f"heard only {heard.events}")

    timer = flux.call_later(DEADLINE_S, give_up)
    try:
        flux.run(on_event)
    finally:
        timer.cancel()
    return heard


@pytest.fixture(name="listen")
def _listen():
    return listen


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(StandIn, id="stand-in"),
        pytest.param(
            Real,
            id="real",
            marks=[
                pytest.mark.flux,
                pytest.mark.skipif(shutil.which("flux") is None, reason="no `flux` on PATH: real Flux is not tested"),
            ],
        ),
    ],
)
def instance_backend(request):
    """Which of the two instances a case runs against."""
    return request.param


@pytest.fixture(scope="session")
def instance(instance_backend):
    """An instance that cases share: each leaves it without jobs, and says itself whether it needs the slot."""
    yield from _run(instance_backend)


@pytest.fixture
def own_instance(instance_backend):
    """An instance that a case may break."""
    yield from _run(instance_backend)


@pytest.fixture
def flux(instance):
    """A connection to the shared instance."""
    with contextlib.closing(instance.connect()) as connected:
        yield connected


@pytest.fixture
def slot(instance, flux):
    """The ranks of the slot, their brokers online and undrained."""
    ranks = frozenset(instance.layout.slot_ranks)
    instance.start_followers()
    flux.undrain(ranks)
    listen(flux, lambda heard: ranks <= (heard.online() or frozenset()))
    return ranks


@pytest.fixture
def empty_slot(instance, flux):
    """The ranks of the slot, without brokers and undrained."""
    ranks = frozenset(instance.layout.slot_ranks)
    for rank in ranks & set(instance.brokers):
        instance.brokers[rank].terminate()
        instance.wait_exit(rank)
    flux.undrain(ranks)
    listen(flux, lambda heard: not ranks & (heard.online() or ranks))
    return ranks


def _run(backend):
    # Not tmp_path, whose length a Unix socket's path cannot have.
    with tempfile.TemporaryDirectory(prefix="ovs-", ignore_cleanup_errors=True) as directory:
        instance = Instance(Path(directory), backend)
        try:
            instance.start()
            yield instance
        finally:
            instance.stop()
