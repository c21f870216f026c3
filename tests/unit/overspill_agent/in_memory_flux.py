"""A Flux instance in memory behind its port, and a stage to play agents against it.

Time passes only by `Stage.advance`; what outlives an agent (KVS, ranks, journal, what was published) outlives it here.
"""

import copy
import json
from collections import deque

from tests.unit.overspill_agent.examples import HOME, make_event, make_facts, make_jobspec, make_slots, make_template

from overspill_agent.agent_settings import AgentSettings
from overspill_agent.bursts import Burst
from overspill_agent.deciding.policy import Policy
from overspill_agent.lead_identity import build_identity
from overspill_agent.loop import Agent
from overspill_agent.ports import (
    DrainedChanged,
    HistoryReplayed,
    InstanceHealth,
    JobEvent,
    OnlineChanged,
    TorpidChanged,
)
from overspill_shared import messages
from overspill_shared.secrets import Secret

CERT = Secret(b'curve\n    secret-key = "canary-secret"\n')


class Ranks:
    """What of a Flux instance outlives an agent."""

    def __init__(self):
        self.kvs = {}
        self.journal = []
        self.online, self.drained, self.torpid = HOME, frozenset(), frozenset()
        self.marks = {}


class FakeTimer:
    def __init__(self, at, call):
        self.at, self.call = at, call

    def cancel(self):
        self.call = None


class FakeFlux:
    """Implements FluxInstance: `run` returns at once, and what is to be called is called by `settle`."""

    def __init__(self, ranks, clock, faults, facts=None):
        self.ranks, self.clock, self.faults = ranks, clock, faults
        self._facts = facts or make_facts()
        self.calls = deque()
        self.timers = []
        self.on_event = None
        self.told = []
        self.commits = []
        self.left = frozenset()
        self.scheduler_allocated = None
        self.refused = {}
        self.is_locked = False
        self.is_stopped = False
        self.is_closed = False

    def facts(self):
        return self._facts

    def examine(self):
        return InstanceHealth(online=self.ranks.online, drained=self.ranks.drained)

    def read_curve_cert(self):
        self.faults.reach("read_curve_cert")
        return CERT

    def lock(self):
        self.faults.reach("lock")
        self.is_locked = True

    def read_state(self):
        self.faults.reach("read_state")
        return copy.deepcopy(self.ranks.kvs)

    def write_state(self, changes):
        self.faults.reach("write_state")
        self.commits.append(dict(changes))
        for key, value in changes.items():
            if value is None:
                self.ranks.kvs.pop(key, None)
            else:
                self.ranks.kvs[key] = json.loads(json.dumps(value))

    def drain(self, ranks, reason):
        self.faults.reach("drain")
        self._drained(self.ranks.drained | ranks)

    def undrain(self, ranks):
        self.faults.reach("undrain")
        self._drained(self.ranks.drained - ranks)

    def leave(self, ranks):
        self.faults.reach("leave")
        self.left |= ranks

    def read_burst_mark(self, rank, on_answer):
        self.faults.reach("read_burst_mark")
        text = self.ranks.marks.get(rank)
        self.calls.append(lambda: on_answer(text))

    def allocated(self):
        self.faults.reach("allocated")
        return self.jobs_hold if self.scheduler_allocated is None else self.scheduler_allocated

    def join_errors(self):
        self.faults.reach("join_errors")
        return dict(self.refused)

    def memo(self, jobid, memo):
        self.faults.reach("memo")
        self.told.append(("memo", jobid, memo))
        self.job(jobid, "memo", **memo)

    def raise_exception(self, jobid, *, severity, kind, note):
        self.faults.reach("raise_exception")
        self.told.append(("exception", jobid, severity, kind, note))

    def set_urgency(self, jobid, urgency):
        self.faults.reach("set_urgency")
        self.told.append(("urgency", jobid, urgency))
        self.job(jobid, "urgency", urgency=urgency)
        self.job(jobid, "priority", priority=urgency)

    def call_soon(self, call):
        self.calls.append(call)

    def call_later(self, delay_s, call):
        assert delay_s > 0
        self.timers.append(FakeTimer(self.clock.now() + delay_s, call))
        return self.timers[-1]

    def run(self, on_event):
        self.on_event = on_event

    def stop(self):
        self.is_stopped = True

    def close(self):
        self.is_closed = True

    @property
    def jobs_hold(self):
        """Give what the journal says is allocated."""
        held = {}
        for event in self.ranks.journal:
            if event.name == "alloc":
                held[event.jobid] = frozenset(entry["rank"] for entry in event.R["execution"]["R_lite"])
            elif event.name in ("free", "clean"):
                held.pop(event.jobid, None)
        return frozenset().union(*held.values())

    def tell(self, event):
        """Have the agent hear an event, later in the loop."""
        if self.on_event is not None:
            self.calls.append(lambda: self.on_event(event))

    def replay(self):
        """Tell what an agent hears first: the ranks, then the jobs' history."""
        self.tell(DrainedChanged(ranks=self.ranks.drained))
        self.tell(OnlineChanged(ranks=self.ranks.online))
        self.tell(TorpidChanged(ranks=self.ranks.torpid))
        for event in self.ranks.journal:
            self.tell(event)
        self.tell(HistoryReplayed())

    def settle(self):
        """Make every call that is due now; an agent that calls itself for ever is a fault."""
        for _ in range(200 + len(self.calls)):
            if not self.calls:
                return
            self.calls.popleft()()
        raise AssertionError("the agent does not come to rest")

    def next_timer(self, until):
        due = [timer for timer in self.timers if timer.call is not None and timer.at <= until]
        return min(due, key=lambda timer: timer.at, default=None)

    def set_online(self, ranks):
        self.ranks.online = frozenset(ranks)
        self.tell(OnlineChanged(ranks=self.ranks.online))

    def job(self, jobid, name, *, jobspec=None, R=None, **context):  # noqa: N803 - RFC 20's name
        event = JobEvent(jobid=jobid, name=name, at=self.clock.now(), context=context, jobspec=jobspec, R=R)
        self.ranks.journal.append(event)
        self.tell(event)

    def _drained(self, ranks):
        if ranks != self.ranks.drained:
            self.ranks.drained = ranks
            self.tell(DrainedChanged(ranks=ranks))


class Stage:
    """One instance and its agents, one after another; every agent finds what the earlier ones left."""

    def __init__(self, clock, faults, publisher, *, public_key):
        self.clock, self.faults, self.publisher = clock, faults, publisher
        self.public_key = public_key
        self.ranks = Ranks()
        self.policy = Policy(placement="spread", gather_quiet_s=0)
        self.facts = make_facts()
        self.turns = []
        self.flux = FakeFlux(self.ranks, clock, faults, self.facts)
        self.agent = None

    def build(self, *, is_dry_run=False):
        """Make the next agent, on a new connection."""
        self.flux = FakeFlux(self.ranks, self.clock, self.faults, self.facts)
        settings = AgentSettings()
        self.agent = Agent(
            instance=self.flux,
            publisher=self.publisher,
            clock=self.clock,
            facts=self.facts,
            slots=make_slots(self.facts),
            templates={"default": make_template()},
            identity=build_identity(self.facts, settings, self.public_key),
            policy=self.policy,
            is_dry_run=is_dry_run,
            on_turn=self.turns.append,
        )
        return self.agent

    def start(self, **options):
        """Have the next agent take over, until it rests."""
        self.build(**options)
        self.agent.run()
        self.flux.replay()
        self.flux.settle()
        return self.agent

    def advance(self, seconds):
        """Let time pass, every timer at its own time."""
        self.flux.settle()
        until = self.clock.now() + seconds
        while (timer := self.flux.next_timer(until)) is not None:
            self.clock.time = max(self.clock.time, timer.at)
            call, timer.call = timer.call, None
            call()
            self.flux.settle()
        self.clock.time = until

    def submit(self, jobid=1, nodes=4, **jobspec):
        """Have a job wait."""
        self.flux.job(jobid, "submit", jobspec=make_jobspec(nodes, **jobspec), urgency=16)
        for name in ("validate", "depend"):
            self.flux.job(jobid, name)
        self.flux.job(jobid, "priority", priority=16)
        self.flux.settle()

    def allocate(self, jobid, ranks):
        self.flux.job(jobid, "alloc", R={"execution": {"R_lite": [{"rank": rank} for rank in ranks]}})
        self.flux.settle()

    def free(self, jobid):
        for name in ("finish", "release", "free", "clean"):
            self.flux.job(jobid, name)
        self.flux.settle()

    def join(self, ranks):
        self.flux.set_online(self.ranks.online | ranks)
        self.flux.settle()

    def lose(self, ranks):
        self.flux.set_online(self.ranks.online - ranks)
        self.flux.settle()

    def report(self, about, kind, **changes):
        """Have a function's event arrive."""
        event = make_event(about, kind, **changes)
        self.flux.call_soon(lambda: self.agent.on_burst_event(event))
        self.flux.settle()
        return event

    def remember(self, *bursts, requests=()):
        """Put records into the KVS, as an earlier agent left them."""
        self.ranks.kvs["schema"] = 1
        for burst in bursts:
            self.ranks.kvs[f"bursts.{burst.burst_id}"] = burst.model_dump(mode="json", by_alias=True)
        for request in requests:
            self.ranks.kvs[f"requests.{request.burst_id}"] = request.model_dump(mode="json", by_alias=True)

    def record(self, about=None):
        """Give a burst as the KVS has it: the only one, or the one with this id."""
        records = [Burst.model_validate(v) for k, v in self.ranks.kvs.items() if k.startswith("bursts.")]
        if about is not None:
            return next(record for record in records if record.burst_id == about.burst_id)
        (record,) = records
        return record

    @property
    def requests(self):
        return [message for message in self.publisher.events if isinstance(message, messages.BurstRequest)]

    @property
    def renewals(self):
        return [message for message in self.publisher.events if isinstance(message, messages.LeaseRenewal)]

    @property
    def teardowns(self):
        return [message for message in self.publisher.events if isinstance(message, messages.TeardownRequest)]
