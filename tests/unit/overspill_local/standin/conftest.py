import asyncio
import contextlib
import functools
import tempfile
from pathlib import Path

import pytest

from overspill_local.free_port import free_port
from overspill_local.standin.follower import Membership
from overspill_local.standin.instance import Instance
from overspill_local.standin.jobspec_writer import Submission, build_jobspec
from overspill_local.standin.lead import Lead, LeadSettings
from overspill_local.standin.resources import RankShape
from overspill_local.standin.state_file import StateFile

DEADLINE_S = 20.0
CERT_SHA256 = "c" * 64
HOSTS = ("lead-0", "lead-1", "burst-0-0", "burst-0-1", "burst-0-2", "burst-0-3")


def make_shapes(hosts=HOSTS, *, cores=2, gpus=0):
    return tuple(
        RankShape(
            rank=rank,
            host=host,
            cores=tuple(range(cores)),
            gpus=tuple(range(gpus)),
            properties=frozenset({"burst"} if host.startswith("burst") else ()),
        )
        for rank, host in enumerate(hosts)
    )


class RecordingLauncher:
    """Keeps orders; a test tells the instance how they went."""

    def __init__(self):
        self.orders = {}
        self.killed = []

    def launch(self, rank, order):
        self.orders[order["jobid"], rank] = order

    def kill(self, rank, jobid):
        self.killed.append((rank, jobid))


class Bench:
    """An instance whose two local ranks are online, what it told, and its launcher."""

    def __init__(self, config=None, *, statedir=None, shapes=None):
        self.now = 1000.0
        self.launcher = RecordingLauncher()
        self.instance = Instance(
            config or {},
            shapes or make_shapes(),
            state_file=StateFile(statedir),
            launcher=self.launcher,
            clock=self._clock,
        )
        self.events = []
        self.instance.listeners.add(self.events.append)
        self.jobs = self.instance.jobs
        for rank in (0, 1):
            self.instance.rank_joined(rank)

    def submit(self, urgency=16, **options):
        submission = Submission(**{"command": ("true",), "cwd": "/tmp", "environment": {}, **options})
        return self.instance.submit(build_jobspec(submission), urgency)

    def names(self, jobid):
        return [event["name"] for event in self.events if event.get("jobid") == jobid]

    def event(self, jobid, name):
        return next(event for event in self.events if event.get("jobid") == jobid and event["name"] == name)

    def ranks(self, jobid):
        return [share.rank for share in self.jobs.get(jobid).shares]

    def start(self, jobid):
        for rank in self.ranks(jobid):
            self.jobs.on_started(jobid, rank)

    def finish(self, jobid, code=0):
        for rank in self.ranks(jobid):
            self.jobs.on_exit(jobid, rank, code)

    def _clock(self):
        self.now += 0.25
        return self.now


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def make_bench():
    return Bench


@pytest.fixture
def shapes():
    return make_shapes()


@pytest.fixture(name="make_shapes", scope="session")
def _make_shapes():
    return make_shapes


@contextlib.asynccontextmanager
async def serve(directory, hosts=("lead-0",), *, config=None, torpid_after_s=30.0):
    """Run a lead in this process; gives it, and ends it like SIGTERM does."""
    lead = Lead(
        LeadSettings(
            config=config or {},
            shapes=make_shapes(hosts),
            cert_sha256=CERT_SHA256,
            bind=("127.0.0.1", free_port()) if len(hosts) > 1 else None,
            socket=directory / "local",
            statedir=None,
            torpid_after_s=torpid_after_s,
        )
    )
    running = asyncio.create_task(lead.run())
    try:
        yield lead
    finally:
        lead.stop()
        assert await asyncio.wait_for(running, DEADLINE_S) == 0


@pytest.fixture
def directory():
    """A directory with a short path: a Unix socket's has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="ovs-") as path:
        yield Path(path)


@pytest.fixture
def uri(directory):
    """Where `serve_lead` serves."""
    return f"standin://{directory}/local"


@pytest.fixture
def serve_lead(directory):
    """Give the context manager that runs a lead in this process."""
    return functools.partial(serve, directory)


@pytest.fixture
def membership_of():
    """Give a factory: what a follower of a lead needs to join it."""

    def build(lead, rank, /, **changes):
        host, port = lead._settings.bind
        usual = {
            "rank": rank,
            "hostname": lead._settings.shapes[rank].host,
            "cert_sha256": CERT_SHA256,
            "lead_host": host,
            "lead_port": port,
            "heartbeat_s": 0.05,
        }
        return Membership(**{**usual, **changes})

    return build
