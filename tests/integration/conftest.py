"""An embedded cloud with the real functions as processes, and a client that publishes, listens and waits."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future

import pytest
from google.api_core import exceptions as google_errors

from overspill_local.cloud import PROJECT, EmbeddedCloud
from overspill_local.cloud_options import CloudOptions
from overspill_local.demo.command import make_lead
from overspill_local.demo.real_lead import RealLead
from overspill_local.demo.scenario import DemoOptions
from overspill_local.demo.standin_lead import PROGRAM
from overspill_local.free_port import free_port
from overspill_local.topics import Redelivery, publisher_client, subscriber_client
from overspill_shared import names, sealing
from overspill_shared.messages import BurstEvent, TeardownRequest
from overspill_shared.wire_format import decode, encode

WAIT_S = 60


class CloudInThread:
    """A cloud whose loop runs in a thread of its own, so that tests are plain functions."""

    def __init__(self, options):
        self._options = options
        self._ready = Future()
        self._stopping = None
        self._loop = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        self.cloud = self._ready.result(WAIT_S)
        self.publisher = publisher_client(self.cloud.endpoints["pubsub"])
        self.subscriber = subscriber_client(self.cloud.endpoints["pubsub"])
        return self

    def __exit__(self, *_exc):
        self.publisher.transport.close()
        self.subscriber.transport.close()
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(WAIT_S)
        assert self.cloud.processes_left() == 0

    def _run(self):
        asyncio.run(self._serve())

    async def _serve(self):
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with EmbeddedCloud(self._options) as cloud:
                self._ready.set_result(cloud)
                await self._stopping.wait()
        except BaseException as exc:
            if not self._ready.done():
                self._ready.set_exception(exc)
            raise

    def call(self, coroutine):
        """Run a coroutine in the cloud's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(WAIT_S)

    # -- messages

    def publish(self, message):
        body, attributes = encode(message)
        self.publish_raw(message.topic, body, attributes)

    def publish_raw(self, topic, body, attributes):
        path = f"projects/{PROJECT}/topics/{topic}"
        self.publisher.publish(topic=path, messages=[{"data": body, "attributes": attributes}], timeout=WAIT_S)

    def for_here(self, request):
        """Give a request sealed for this cloud's function."""
        keys = sealing.unseal(request.sealed_keys, sealing.Binding.of(request), self.test_private_key)
        sealed = sealing.seal(keys, sealing.Binding.of(request), self.cloud.environ()["OVERSPILL_PUBLIC_KEY"])
        return request.model_copy(update={"sealed_keys": sealed})

    def now_and_here(self, **changes):
        """Give what makes an example request one of this deployment, now."""
        now = time.time()
        return {
            "deployment": "default",
            "generation": int(now),
            "size": 2,
            "lead": {"host": "127.0.0.1", "port": 9},
            "requested_at": now,
            "deadline_at": now + 600,
            "expires_at": now + 900,
            "hard_end_at": now + 3600,
            **changes,
        }

    def kinds(self, burst_id):
        """Give the kinds of the events about a burst so far, in order."""
        return [
            event.facts["kind"]
            for event in tuple(self.cloud.timeline.events)
            if event.name == "message.published"
            and event.facts["topic"] == names.TOPIC_EVENTS
            and event.facts.get("burst_id") == burst_id
        ]

    def wait_for_kind(self, burst_id, kind, *, times=1):
        self.wait_until(lambda: self.kinds(burst_id).count(kind) >= times, f"{kind} of {burst_id}")
        return self.kinds(burst_id)

    def wait_until(self, condition, what):
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come; events: {self.cloud.timeline.events[-20:]}"
            time.sleep(0.02)

    def event_of(self, burst_id, kind):
        """Give the first event of that kind, as its subscriber gets it."""
        self.wait_until(lambda: self._events_of(burst_id, kind), f"{kind} of {burst_id}")
        return self._events_of(burst_id, kind)[0]

    def _events_of(self, burst_id, kind):
        return [event for event in self.events() if event.burst_id == burst_id and event.kind == kind]

    def events(self):
        """Give every event that was ever published, from a subscription made before the first."""
        self._pull(self.tap_path, self._seen)
        return [decode(BurstEvent, message.data) for message in self._seen]

    def make_tap(self):
        self.tap_path = f"projects/{PROJECT}/subscriptions/tests-tap"
        self._seen = []
        self.subscriber.create_subscription(
            request={"name": self.tap_path, "topic": f"projects/{PROJECT}/topics/{names.TOPIC_EVENTS}"}
        )

    def dead_letters(self, topic):
        """Give the messages in a topic's dead-letter subscription, without acking them for good."""
        path = f"projects/{PROJECT}/subscriptions/{names.dead_letter_topic(topic)}"
        self._pull(path, self._dead.setdefault(topic, []))
        return self._dead[topic]

    def _pull(self, path, into):
        request = {"subscription": path, "max_messages": 1000}
        try:
            answer = self.subscriber.pull(request=request, timeout=0.3, retry=None)
        except google_errors.DeadlineExceeded:  # nothing waits
            return
        into.extend(received.message for received in answer.received_messages)
        if ids := [received.ack_id for received in answer.received_messages]:
            self.subscriber.acknowledge(request={"subscription": path, "ack_ids": ids})

    # -- the cloud

    def kill(self, *words):
        """SIGKILL every process of this cloud whose command line has all these words."""
        found = [p for p in self.cloud.supervisor.found() if all(word in str(p.cmdline) for word in words)]
        assert found, f"no process with {words}"
        for process in found:
            os.kill(process.pid, signal.SIGKILL)

    def clusters(self):
        return self.cloud.clusters_left()

    def creates(self, cluster):
        """Count how often a cluster was made."""
        events = tuple(self.cloud.timeline.events)
        return sum(event.name == "cluster.provisioning" and event.facts["cluster"] == cluster for event in events)


@pytest.fixture(scope="session")
def start_cloud(keypair):
    """Give a factory of running clouds, as context managers; the brokers in pods are the stand-in's."""

    def start(**options):
        defaults = {"flux": "stand-in", "create_s": 0.1, "delete_s": 0.05, "poll_s": 0.05}
        redelivery = options.pop("redelivery", Redelivery(min_backoff_s=0.1, max_backoff_s=0.5))
        cloud = CloudInThread(CloudOptions(**{**defaults, "redelivery": redelivery, **options}))
        cloud.test_private_key = keypair[1]
        cloud._dead = {}
        return cloud

    return start


@pytest.fixture(scope="module")
def cloud(start_cloud):
    """One cloud for a module's tests; each uses a burst of its own."""
    with start_cloud() as running:
        running.make_tap()
        yield running


@pytest.fixture
def faults(cloud):
    """Give the book of the cloud's faults (docs/faults.md); what is left of them is cleared after the test."""
    yield cloud.cloud.faults
    cloud.cloud.faults.clear()


@pytest.fixture
def request_here(cloud, burst_request, request):
    """Give a factory of requests that this cloud's functions accept, each for a burst of its own."""
    numbers = iter(range(1000))

    def build(**changes):
        generation = int(time.time()) + next(numbers) * 100_000 + abs(hash(request.node.name)) % 100_000
        return cloud.for_here(burst_request(**cloud.now_and_here(**{"generation": generation, **changes})))

    return build


@pytest.fixture
def teardown_of():
    """Give the request that ends a burst."""

    def build(request):
        return TeardownRequest(
            burst_id=request.burst_id,
            generation=request.generation,
            deployment=request.deployment,
            lead=request.lead.id,
            zone=request.zone,
            reason="operator",
            requested_at=time.time(),
        )

    return build


def needs_flux(value):
    """Give a parameter that is only for machines with Flux."""
    missing = pytest.mark.skipif(shutil.which("flux") is None, reason="there is no flux on PATH: install flux-core")
    return pytest.param(value, marks=[pytest.mark.flux, missing])


class Lead:
    """A lead instance with an agent beside it, in a cloud."""

    def __init__(self, cloud, flux, *, layout=None, scheduler="fluxion", nodes=2, **environ):
        """`layout` changes the lead's layout, `environ` the agent's environment."""
        self.cloud = cloud
        options = DemoOptions(
            flux=flux,
            scheduler=scheduler if flux == "real" else "stand-in",
            pubsub="embedded",
            nodes=nodes,
            local_nodes=1,
            create_s=0.5,
            idle_timeout_s=1,
            keep=False,
            command=("hostname",),
        )
        self.lead = make_lead(options, cloud.cloud.folder / "flux", free_port(), **(layout or {}))
        cloud.call(self.lead.start(cloud.cloud.supervisor, cloud.cloud.process_environ()))
        self.environ = {
            **cloud.cloud.process_environ(),
            "FLUX_URI": self.lead.uri,
            "OVERSPILL_IDLE_TIMEOUT_S": "1",
            "OVERSPILL_TEARDOWN_RETRY_S": "5",
            **environ,
        }
        self.agent = None
        self._since = 0

    def begin(self):
        """Forget what was logged so far, with an agent that runs: for tests that share a lead."""
        self._since = len(self.cloud.cloud.timeline.events)
        if self.agent is None:
            self.start_agent()

    def curve_cert(self):
        return (self.cloud.cloud.folder / "flux" / "curve.cert").read_text()

    def start_agent(self):
        self.agent = self.cloud.call(self.cloud.cloud.start_agent(self.environ))

    def kill_agent(self):
        os.kill(self.agent.pid, signal.SIGKILL)
        self.cloud.call(self.agent.wait(20))

    def count_logs(self, message, **facts):
        events = tuple(self.cloud.cloud.timeline.events)[self._since :]
        return sum(e.name == "log" and e.has({"message": message, **facts}) for e in events)

    def wait_for_state(self, state):
        self.cloud.wait_until(lambda: self.count_logs("burst.moved", state=state), f"a burst that is {state}")

    def submit(self, nodes=2, command=("hostname",)):
        return self.cloud.call(self.lead.submit(self.lead.submit_command(nodes, command, burstable=True)))

    def log(self, message):
        """Give the fields of the first line with this message."""
        return self.cloud.cloud.timeline.first("log", message=message).facts

    def wait_for_job(self, jobid, state):
        """Wait until a job is in a state; fail at once, with its exceptions, where it has ended in another."""
        self.cloud.wait_until(lambda: self._is_job(jobid, state), f"job {jobid} {state}")

    def _is_job(self, jobid, state):
        found = self.cloud.call(self.lead.job(jobid))
        if found.ended_at is not None and found.state not in (state, "CLEANUP"):
            pytest.fail(f"job {jobid} is {found.state}, not {state}: {self._exceptions(jobid)}")
        return found.state == state

    def _exceptions(self, jobid):
        """Give what Flux holds against a job."""
        if isinstance(self.lead, RealLead):
            return [line for line in self.flux("job", "eventlog", jobid).splitlines() if "exception" in line]
        argv = [*PROGRAM, "attach", jobid]
        shown = subprocess.run(argv, env=self.environ, capture_output=True, text=True, timeout=60, check=False)
        return [line for line in shown.stderr.splitlines() if "exception" in line]

    def cancel(self, jobid):
        program = ["flux"] if isinstance(self.lead, RealLead) else [*PROGRAM]
        subprocess.run([*program, "cancel", jobid], env=self.environ, check=True, timeout=60)

    def flux(self, *arguments):
        """Give what a flux command prints."""
        return subprocess.check_output(["flux", *arguments], env=self.environ, text=True, timeout=60)

    def overspill(self, *arguments):
        argv = [sys.executable, "-m", "overspill_agent", *arguments]
        return subprocess.run(argv, env=self.environ, capture_output=True, text=True, timeout=60, check=False)

    def bursts(self):
        shown = self.overspill("status", "--json")
        assert shown.returncode == 0, shown.stderr
        return json.loads(shown.stdout)["bursts"]


@pytest.fixture(params=["stand-in", needs_flux("real")])
def lead(request, start_cloud):
    """Give a lead in a cloud of its own: the stand-in's, and real Flux's where it is installed."""
    with start_cloud(flux=request.param, create_s=0.5) as cloud:
        yield Lead(cloud, request.param)


@pytest.fixture(scope="module", params=["stand-in", *(needs_flux(scheduler) for scheduler in ("fluxion", "simple"))])
def shared_lead(request, start_cloud):
    """Give a lead and its cloud to a module's tests, one after another: the stand-in's, and real Flux's."""
    flux = "stand-in" if request.param == "stand-in" else "real"
    with start_cloud(flux=flux, create_s=0.5) as cloud:
        yield Lead(cloud, flux, scheduler=request.param)


@pytest.fixture
def one_flux():
    """Give the most real Flux that this machine has."""
    return "real" if shutil.which("flux") else "stand-in"


@pytest.fixture
def one_lead(start_cloud, one_flux):
    """Give a lead in a cloud of its own, with the most real Flux that this machine has."""
    with start_cloud(flux=one_flux, create_s=0.5) as cloud:
        yield Lead(cloud, one_flux)
