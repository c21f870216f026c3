"""Real Flux brokers on the loopback address, for what only Flux can tell; what any instance does stands in contract."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from overspill_agent import flux_frobnicator
from overspill_agent.flux_instance import RealFlux
from overspill_agent.ports import JobEvent, OnlineChanged
from overspill_local import death_wrapper
from overspill_local.flux_brokers import LeadLayout
from overspill_local.free_port import free_port
from overspill_shared.broker_toml import build_burst_config
from overspill_shared.lead_config import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from overspill_agent.ports import FluxEvent

DEADLINE_S = 30.0

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = pytest.mark.skip(reason="no `flux` on PATH: real Flux is not tested here")
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.flux)
            if shutil.which("flux") is None:
                item.add_marker(missing)


class LiveInstance:
    """A lead of two ranks, and a slot of four that are down until `start_followers`."""

    def __init__(self, directory: Path, scheduler: Scheduler, *, is_operators: bool = False) -> None:
        """`is_operators`: configured and started as the Flux Operator does it."""
        port = free_port()
        self.layout = LeadLayout(
            directory=directory,
            port=port,
            frobnicator_path=Path(flux_frobnicator.__file__),
            scheduler=scheduler,
            more_config=_operators_tables(directory, port) if is_operators else {},
        )
        self.options = ("-Stbon.fanout=256", "-Stbon.connect_timeout=5s") if is_operators else ()
        self.brokers: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "FLUX_URI": self.layout.uri}

    def start(self) -> None:
        for path in self.layout.directories:
            path.mkdir(exist_ok=True)
        for path, text in self.layout.files.items():
            path.write_text(text)
        subprocess.run(self.layout.keygen_argv(), check=True, timeout=DEADLINE_S)
        for rank in self.layout.local_ranks:
            self._start_broker(rank, self.layout.local_argv(rank))
        self.command(*self.layout.wait_argv(timeout_s=DEADLINE_S))
        self.command(*self.layout.start_queues_argv())

    def start_followers(self, ranks: Iterable[int] | None = None, *, text: str = "") -> None:
        """Start brokers of the slot with the broker.toml that a burst would bring."""
        text = text or build_burst_config(self.layout.config(), host="127.0.0.1", port=self.layout.port)
        directory = self.layout.directory / "burst"
        directory.mkdir(exist_ok=True)
        (directory / "broker.toml").write_text(self.layout.burst_config(text))
        for rank in self.layout.slot_ranks if ranks is None else ranks:
            self._start_broker(rank, self.layout.follower_argv(rank, directory))

    def wait_exit(self, rank: int) -> int:
        return self.brokers.pop(rank).wait(DEADLINE_S)

    def kill(self, rank: int) -> None:
        self.brokers[rank].kill()
        self.wait_exit(rank)

    def stop(self) -> None:
        """End every broker: followers first, and by force if there is no lead left to take leave of."""
        patience_s = DEADLINE_S if 0 in self.brokers else 0.0
        for rank in sorted(self.brokers, reverse=True):
            self.brokers[rank].terminate()
        deadline = time.monotonic() + patience_s
        for process in self.brokers.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(DEADLINE_S)
        self.brokers.clear()

    def command(self, *argv: str) -> str:
        done = subprocess.run(argv, env=self.environ, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def submit(self, *argv: str) -> int:
        """Submit a job by the command that users have; gives its id."""
        return int(self.command("flux", "job", "id", "--to=dec", self.command("flux", "submit", *argv)))

    def job(self, jobid: int, fields: str) -> str:
        """Give fields of a job as `flux jobs` shows them."""
        return self.command("flux", "jobs", "--no-header", f"--format={fields}", str(jobid))

    def cancel(self, jobid: int) -> None:
        self.command("flux", "cancel", str(jobid))
        self.command("flux", "job", "wait-event", "--timeout=20", str(jobid), "clean")

    def _start_broker(self, rank: int, argv: Sequence[str]) -> None:
        wrapper = [sys.executable, "-I", "-S", death_wrapper.__file__, str(os.getpid())]
        with (self.layout.directory / f"{rank}.log").open("ab") as log:
            self.brokers[rank] = subprocess.Popen(
                [*wrapper, *argv, *self.options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


@pytest.fixture(scope="session", params=list(Scheduler), ids=str)
def instance(request: pytest.FixtureRequest) -> Iterator[LiveInstance]:
    """An instance that tests share: whoever fills the slot empties it again."""
    yield from _run_instance(request.param)


@pytest.fixture(scope="session")
def new_instance() -> type[LiveInstance]:
    """The class, for a module that starts a lead of another layout."""
    return LiveInstance


@pytest.fixture
def own_instance() -> Iterator[LiveInstance]:
    """An instance that a test may break."""
    yield from _run_instance(Scheduler.FLUXION)


@pytest.fixture
def operators_instance() -> Iterator[LiveInstance]:
    """An instance of a test's own whose hosts have neither bind nor connect, as the Flux Operator writes them."""
    yield from _run_instance(Scheduler.SIMPLE, is_operators=True)


@pytest.fixture
def flux(instance: LiveInstance) -> Iterator[RealFlux]:
    with contextlib.closing(RealFlux.connect(instance.layout.uri)) as connected:
        yield connected


@pytest.fixture
def own_flux(own_instance: LiveInstance) -> Iterator[RealFlux]:
    with contextlib.closing(RealFlux.connect(own_instance.layout.uri)) as connected:
        yield connected


@pytest.fixture
def slot(instance: LiveInstance, flux: RealFlux) -> Iterator[frozenset[int]]:
    """The ranks of the slot, with their brokers running; afterwards the slot is empty and undrained."""
    ranks = frozenset(instance.layout.slot_ranks)
    instance.start_followers()
    try:
        _listen(flux, lambda heard: ranks <= heard.latest(OnlineChanged))
        yield ranks
    finally:
        for rank in ranks & set(instance.brokers):
            instance.brokers[rank].terminate()
            instance.wait_exit(rank)
        _listen(flux, lambda heard: heard.has(OnlineChanged) and not ranks & heard.latest(OnlineChanged))
        flux.undrain(ranks)


@pytest.fixture(scope="session")
def listen() -> Callable[..., Heard]:
    return _listen


class Heard(list["FluxEvent"]):
    """What an instance told, in its order."""

    def has(self, kind: type) -> bool:
        return any(isinstance(event, kind) for event in self)

    def latest(self, kind: type) -> frozenset[int]:
        """Give the ranks of the last event of a kind; none if there is none."""
        return next((event.ranks for event in reversed(self) if isinstance(event, kind)), frozenset())

    def job(self, jobid: int) -> list[JobEvent]:
        return [event for event in self if isinstance(event, JobEvent) and event.jobid == jobid]

    def names(self, jobid: int) -> list[str]:
        return [event.name for event in self.job(jobid)]


def _listen(flux: RealFlux, until: Callable[[Heard], bool], *, deadline_s: float = DEADLINE_S) -> Heard:
    """Run until what was heard is enough; gives it."""
    heard = Heard()

    def on_event(event: FluxEvent) -> None:
        heard.append(event)
        if until(heard):
            flux.stop()

    def give_up() -> None:
        raise TimeoutError(f"heard only {heard}")

    timer = flux.call_later(deadline_s, give_up)
    try:
        flux.run(on_event)
    finally:
        timer.cancel()
    return heard


def _operators_tables(directory: Path, port: int) -> dict[str, dict[str, object]]:
    return {
        "bootstrap": {
            "curve_cert": str(directory / "curve.cert"),
            "default_port": port,
            "default_bind": "tcp://lo:%p",
            # The operator's names, %h.<service>.<namespace>.svc.cluster.local, are not known here.
            "default_connect": "tcp://127.0.0.1:%p",
            "hosts": [{"host": "lead-[0-1],burst-0-[0-3]"}],
        },
        # What the command line says wins, on both sides.
        "tbon": {"topo": "kary:1"},
    }


def _run_instance(scheduler: Scheduler, *, is_operators: bool = False) -> Iterator[LiveInstance]:
    # Not tmp_path, whose length a Unix socket's path cannot have.
    with tempfile.TemporaryDirectory(prefix="ovs-", ignore_cleanup_errors=True) as directory:
        live = LiveInstance(Path(directory), scheduler, is_operators=is_operators)
        try:
            live.start()
            yield live
        finally:
            live.stop()
