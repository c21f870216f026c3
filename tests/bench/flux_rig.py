"""What the benchmarks of the agent run against: a real lead with many slots, Pub/Sub, an agent, and a way to submit.

Nobody consumes the agent's requests: a burst stays as it was requested, unless a benchmark starts its broker.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path

import tomli_w

from overspill_local import death_wrapper
from overspill_local.flux_brokers import LeadLayout
from overspill_local.free_port import free_port
from overspill_local.frobnicator_path import frobnicator_path
from overspill_local.pubsub import PubSubServer
from overspill_local.topics import Redelivery, create_topics, publisher_client, subscriber_client
from overspill_shared import names, sealing
from overspill_shared.broker_toml import build_burst_config
from overspill_shared.errors import OverspillError
from overspill_shared.hostlist import compress
from overspill_shared.lead_config import RankGroup, Scheduler, resource_set
from overspill_shared.messages import BurstEvent, BurstRequest, EventKind, event_error, event_id
from overspill_shared.wire_format import decode, encode

PROJECT = "bench"
DEADLINE_S = 60
LARGE_SLOT = "burst-many"
CORES = 4


class Rig:
    """One lead rank, `slots` slots of one node each (`burst-0`, …), and one slot `burst-many`; a context manager."""

    def __init__(self, *, slots, scheduler=Scheduler.FLUXION):
        self._slots, self._scheduler = slots, scheduler
        self._undo = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            # Short: a Unix socket's path has few characters.
            self.folder = Path(
                undo.enter_context(tempfile.TemporaryDirectory(prefix="ovb-", ignore_cleanup_errors=True))
            )
            self._start_pubsub(undo)
            self._start_lead(undo)
            self.side = undo.enter_context(Side(self.environ))
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *exc):
        return self._undo.__exit__(*exc)

    def start_agent(self):
        """Start the agent and wait until it is ready; it ends with the rig."""
        agent = Agent(self.environ)
        self._undo.callback(agent.stop)
        agent.wait_for(lambda line: line["message"] == "ranks.online")
        return agent

    def start_broker(self, index):
        """Start the broker of a slot of one node, as a burst would bring it."""
        host = f"burst-{index}-0"
        run = self.folder / f"r{index}"
        run.mkdir()
        argv = ["flux", "broker", f"--config-path={self.folder / 'burst'}", f"-Shostname={host}", f"-Srundir={run}"]
        return self._start_process(argv, f"{host}.log", self._undo)

    def requests_so_far(self):
        """Give the requests that were published since the last call, as (published at, message)."""
        request = {"subscription": self._tap, "max_messages": 1000}
        answer = self._subscriber.pull(request=request, timeout=DEADLINE_S)
        ids = [received.ack_id for received in answer.received_messages]
        self._subscriber.acknowledge(request={"subscription": self._tap, "ack_ids": ids})
        return [
            (received.message.publish_time.timestamp(), decode(BurstRequest, received.message.data))
            for received in answer.received_messages
        ]

    def reject(self, request, agent):
        """Have a request rejected, as the provision function would, and wait until the agent has noted it."""
        since = len(agent.lines)
        error = OverspillError("Nothing is rented for a benchmark.", code="bench")
        event = BurstEvent(
            event_id=event_id(request.burst_id, EventKind.REJECTED, 1),
            burst_id=request.burst_id,
            generation=request.generation,
            deployment=request.deployment,
            lead=request.lead.id,
            kind=EventKind.REJECTED,
            occurred_at=time.time(),
            error=event_error(error),
        )
        body, attributes = encode(event)
        topic = f"projects/{PROJECT}/topics/{names.TOPIC_EVENTS}"
        self._publisher.publish(topic=topic, messages=[{"data": body, "attributes": attributes}])
        agent.wait_for(lambda line: line.get("state") == "GONE" and line["burst_id"] == request.burst_id, after=since)

    def _start_pubsub(self, undo):
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, daemon=True).start()
        undo.callback(loop.call_soon_threadsafe, loop.stop)
        server = PubSubServer()
        address = f"127.0.0.1:{asyncio.run_coroutine_threadsafe(server.start(), loop).result(DEADLINE_S)}"
        undo.callback(lambda: asyncio.run_coroutine_threadsafe(server.stop(), loop).result(DEADLINE_S))
        create_topics(PROJECT, {}, Redelivery(), address)
        self._subscriber = undo.enter_context(subscriber_client(address))
        self._publisher = undo.enter_context(publisher_client(address))
        self._tap = f"projects/{PROJECT}/subscriptions/tap"
        topic = f"projects/{PROJECT}/topics/{names.TOPIC_REQUESTS}"
        self._subscriber.create_subscription(request={"name": self._tap, "topic": topic})
        public, _private = sealing.generate_keypair()
        self.environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith("OVERSPILL_")},
            "PUBSUB_EMULATOR_HOST": address,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "OVERSPILL_PUBLIC_KEY": public,
            "OVERSPILL_LOG_FORMAT": "json",
            # Each request is measured for itself, and a benchmark's own rejections are no reason to ask no more.
            "OVERSPILL_GATHER_QUIET_S": "0",
            "OVERSPILL_GATHER_MAX_S": "0",
            "OVERSPILL_BREAKER_FAILURES": "1000000",
        }

    def _start_lead(self, undo):
        lead = LeadLayout(
            directory=self.folder,
            port=free_port(),
            frobnicator_path=frobnicator_path(),
            local_nodes=1,
            cores=CORES,
            scheduler=self._scheduler,
        )
        for path in (*lead.directories, self.folder / "burst"):
            path.mkdir(exist_ok=True)
        local = lead.hosts[:1]
        slots = (*(f"burst-{index}-0" for index in range(self._slots)), f"{LARGE_SLOT}-0")
        config = lead.config()
        config["bootstrap"]["hosts"][1]["host"] = compress(slots)
        groups = [RankGroup(hosts=local, cores=CORES), RankGroup(hosts=slots, cores=CORES, is_burst=True)]
        (lead.config_directory / "broker.toml").write_text(tomli_w.dumps(config))
        (self.folder / "R").write_text(json.dumps(resource_set(groups)))
        burst = build_burst_config(config, host="127.0.0.1", port=lead.port)
        (self.folder / "burst" / "broker.toml").write_text(lead.burst_config(burst))
        self.environ["FLUX_URI"] = lead.uri
        subprocess.run(lead.keygen_argv(), check=True, timeout=DEADLINE_S)
        self._start_process(lead.local_argv(0), "lead.log", undo)
        for argv in (lead.wait_argv(timeout_s=DEADLINE_S), lead.start_queues_argv()):
            subprocess.run(argv, env=self.environ, check=True, timeout=2 * DEADLINE_S)

    def _start_process(self, argv, log, undo):
        with (self.folder / log).open("ab") as output:
            wrapper = [sys.executable, "-I", "-S", death_wrapper.__file__, str(os.getpid())]
            process = subprocess.Popen(
                [*wrapper, *argv], stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        undo.callback(end, process)
        return process


class Agent:
    """An agent's process and what it logged, each line with its time in epoch seconds as `at`."""

    def __init__(self, environ):
        self.lines = []
        self._heard = threading.Condition()
        argv = [sys.executable, "-m", "overspill_agent", "agent"]
        self._process = subprocess.Popen(argv, env=environ, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, is_wanted, *, after=0):
        """Give the first line that is wanted, of those from number `after` on."""
        return self.wait_until(lambda lines: next((line for line in lines[after:] if is_wanted(line)), None))

    def wait_until(self, condition):
        """Give what a condition on the lines gives, once it is true."""
        deadline = time.monotonic() + DEADLINE_S
        with self._heard:
            while not (found := condition(self.lines)):
                if self._process.poll() is not None or not self._heard.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"the agent did not log what was waited for; its last lines: {self.lines[-5:]}")
        return found

    def cpu_s(self):
        """Give the processor time that it has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self, key="VmRSS"):
        """Give its resident memory (`VmHWM`: the most that it ever was), in MB of 10^6 bytes."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        kib = next(line.split()[1] for line in status.splitlines() if line.startswith(f"{key}:"))
        return round(int(kib) * 1024 / 1e6, 1)

    def stop(self):
        end(self._process)
        self._reader.join(DEADLINE_S)

    def _read(self):
        for text in self._process.stderr:
            try:
                line = json.loads(text)
                line["at"] = datetime.fromisoformat(line["time"]).timestamp()
            except (ValueError, KeyError):
                line = {"message": text, "at": time.time()}
            with self._heard:
                self.lines.append(line)
                self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()


class Side:
    """`flux_side.py` under `flux python`: asked one thing after another, or left with one that never ends."""

    def __init__(self, environ):
        argv = ["flux", "python", str(Path(__file__).with_name("flux_side.py"))]
        self._process = subprocess.Popen(
            argv, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    def ask(self, verb, **options):
        """Give the answer to one request."""
        self._process.stdin.write(json.dumps([verb, options]) + "\n")
        self._process.stdin.flush()
        return self.next_answer()

    def next_answer(self):
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("flux_side.py has ended; see its error above")
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        end(self._process)
        self._process.stdin.close()
        self._process.stdout.close()


def end(process):
    """End a process, and by force what is left of its group."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(DEADLINE_S / 4)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait(DEADLINE_S)


def one_host(index):
    """Give the constraint that a job runs on the slot `burst-<index>` alone: it needs a burst of its own."""
    return {"hostlist": [f"burst-{index}-0"]}


LARGE = {"hostlist": [f"{LARGE_SLOT}-0"]}
"""The constraint of jobs that all wait for one burst."""
