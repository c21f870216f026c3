"""The commands as a user runs them: processes, exit codes, standard output."""

import functools
import json
import shutil
import subprocess
import sys

import pytest

from overspill_local.broker_commands import choose_scheduler

NO_FLUX = pytest.mark.skipif(shutil.which("flux") is None, reason="there is no flux on PATH: install flux-core")


def _scheduler():
    """Give the scheduler that a lead of this machine's Flux gets where nothing is said; None without Flux."""
    return choose_scheduler(None, "real", None) if shutil.which("flux") else None


NO_FLUXION = pytest.mark.skipif(_scheduler() != "fluxion", reason="there is no Fluxion beside flux: install flux-sched")

BACKENDS = [
    pytest.param(("stand-in", None), id="stand-in"),
    pytest.param(("real", "fluxion"), id="fluxion", marks=[pytest.mark.flux, NO_FLUX, NO_FLUXION]),
    pytest.param(("real", "simple"), id="simple", marks=[pytest.mark.flux, NO_FLUX]),
]


@pytest.fixture(params=BACKENDS)
def backend(request):
    """Give (flux, scheduler) of every Flux that this machine has, the stand-in first."""
    return request.param


class Demo:
    """A finished `overspill-local demo --json`."""

    def __init__(self, finished):
        self.code = finished.returncode
        self.stderr = finished.stderr
        self.stdout = finished.stdout
        self.events = [json.loads(line) for line in finished.stdout.splitlines()]

    @property
    def last(self):
        return self.events[-1]


def demo_argv(*arguments, backend=("stand-in", None)):
    flux, scheduler = backend
    which = ["--flux", flux, *(["--scheduler", scheduler] if scheduler else [])]
    return [sys.executable, "-m", "overspill_local", "demo", "--json", *which, *arguments]


@pytest.fixture
def best_backend():
    """Give the most real Flux that this machine has."""
    if shutil.which("flux") is None:
        return ("stand-in", None)
    return ("real", _scheduler())


@pytest.fixture(scope="session")
def run_demo():
    """Give what runs a demo, with short delays, to its end; the same one is run once."""

    @functools.cache
    def run(*arguments, backend=("stand-in", None)):
        argv = demo_argv("--create-seconds", "0.2", "--idle-timeout", "0.5", *arguments, backend=backend)
        return Demo(subprocess.run(argv, capture_output=True, text=True, timeout=110, check=False))

    return run


@pytest.fixture
def demo_process():
    """Give what starts a demo and leaves it running; whatever is left of it is killed."""
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            demo_argv(*arguments), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait(20)
        process.stdout.close()
