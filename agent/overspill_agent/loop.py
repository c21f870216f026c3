"""The agent's shell: events in, one turn after another, until told to stop.

A turn is observe (passive: bursts move to where the world put them), decide (pure), act. Turns run in the thread that
owns the Flux instance; messages come from Pub/Sub's threads and are handed over. Nothing is polled: a turn follows an
event, or the one timer that the snapshot's own deadlines set.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from overspill_agent.actions import Actions
from overspill_agent.adoption import Adoption
from overspill_agent.burst_events import on_event
from overspill_agent.deciding.decide import decide
from overspill_agent.deciding.decisions import log_facts
from overspill_agent.deciding.keeping import next_wakeup
from overspill_agent.deciding.settling import returning_ranks
from overspill_agent.deciding.snapshot import Snapshot
from overspill_agent.expected_starts import ExpectedStarts
from overspill_agent.jobs import JobTable
from overspill_agent.joining import is_due, settle_joining
from overspill_agent.losing import newly_lost, settle_losses
from overspill_agent.moves import log_move
from overspill_agent.observe import note_work, observe
from overspill_agent.outcome import Outcome
from overspill_agent.ports import DrainedChanged, HistoryReplayed, JobEvent, OnlineChanged, TorpidChanged
from overspill_agent.starting import jobs_in_flight, next_change, settle_unstarted, without_unstarted
from overspill_agent.store import BurstStore
from overspill_agent.work_clock import WorkClock
from overspill_shared.errors import FluxError, FluxUnavailable
from overspill_shared.hostlist import compress
from overspill_shared.idset import format_idset
from overspill_shared.lifecycle import NOT_RUNNING, BurstState
from overspill_shared.log import about_burst

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from overspill_agent.deciding.decisions import Decision
    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.slots import Slot
    from overspill_agent.lead_identity import Identity
    from overspill_agent.ports import FluxEvent, FluxInstance, InstanceFacts, Timer
    from overspill_agent.starting import InFlight
    from overspill_shared.idset import Ranks
    from overspill_shared.messages import BurstEvent
    from overspill_shared.ports import Clock, Publisher
    from overspill_shared.templates import Template

log = logging.getLogger(__name__)

RETRY_S: Final = {Outcome.FAILED: 10.0, Outcome.POSTPONED: 2.0}
"""What Pub/Sub or Flux did not do is tried again after this, and so is what the scheduler's last word postponed."""

MAX_REST_S: Final = 1.0
"""A turn is followed by a rest as long as it took, and no longer than this."""


class Agent:
    """One agent of one instance."""

    def __init__(
        self,
        *,
        instance: FluxInstance,
        publisher: Publisher,
        clock: Clock,
        facts: InstanceFacts,
        slots: tuple[Slot, ...],
        templates: Mapping[str, Template],
        identity: Identity,
        policy: Policy,
        is_dry_run: bool = False,
        on_turn: Callable[[tuple[Decision, ...]], None] | None = None,
    ) -> None:
        self._instance = instance
        self._clock = clock
        self._facts = facts
        self._slots = slots
        self._templates = templates
        self._identity = identity
        self._policy = policy
        self._is_dry_run = is_dry_run
        self._on_turn = on_turn
        self._store = BurstStore(instance)
        self._actions = Actions(
            instance=instance,
            publisher=publisher,
            store=self._store,
            identity=identity,
            templates=templates,
            policy=policy,
        )
        self._adoption = Adoption(instance=instance, store=self._store, identity=identity, policy=policy, clock=clock)
        self._work_clock = WorkClock()
        self._jobs = JobTable(owner_uid=facts.uid)
        self._expected_starts = ExpectedStarts()
        self._online: Ranks | None = None
        self._drained: Ranks | None = None
        self._torpid: Ranks = frozenset()
        self._is_replayed = False
        self._has_resumed = False
        self._turn_is_due = False
        self._next_turn_at = 0.0
        self._timer: Timer | None = None
        self._last_decisions: tuple[Decision, ...] = ()
        self._in_flight: InFlight = {}

    @property
    def lead_id(self) -> str:
        """The instance's lead id."""
        return self._identity.lead.id

    def run(self) -> None:
        """Serve the instance until it is stopped.

        Raises AlreadyServed if another agent does, FluxUnavailable when the broker goes away, ConfigError if the KVS
        holds what this version cannot read.
        """
        if not self._is_dry_run:
            self._instance.lock()
        self._store.load()
        log.info("agent.started", extra={"lead": self._identity.lead.id, "bursts": len(self._store.bursts)})
        self._instance.run(self.on_flux_event)

    def on_flux_event(self, event: FluxEvent) -> None:
        """Take in what the instance says; a turn follows where it may matter."""
        match event:
            case JobEvent():
                self._tell_job_lost(event)
                is_expected_anew = self._expected_starts.apply(event)
                matters = self._jobs.apply(event) or is_expected_anew
            case HistoryReplayed():
                self._is_replayed = matters = True
            case OnlineChanged():
                self._tell_lost(event.ranks)
                self._online, matters = event.ranks, True
                self._note_ranks()
                log.info("ranks.online", extra={"count": len(event.ranks)})
            case DrainedChanged():
                self._drained, matters = event.ranks, True
                self._note_ranks()
            case TorpidChanged():
                if event.ranks != self._torpid:
                    level = logging.WARNING if event.ranks else logging.INFO
                    log.log(level, "ranks.torpid", extra=self._about(event.ranks))
                self._torpid, matters = event.ranks, True
        if matters:
            self._schedule_turn()

    def on_burst_event(self, event: BurstEvent) -> None:
        """Take in what a function reports; when this returns the event is recorded, and may be acked."""
        with about_burst(event.burst_id):
            if event.lead != self._identity.lead.id or event.deployment != self._identity.deployment:
                log.debug("event.ignored", extra={"kind": event.kind, "lead": event.lead})
                return
            burst = self._store.get(event.burst_id)
            if burst is None:
                self._actions.end_unknown(event, self._clock.now())
                return
            now = self._clock.now()
            log.info("event.received", extra={"kind": event.kind.value, "state": burst.state.value})
            after = on_event(burst, event, now)
            if after is burst:
                return
            self._store.save(after)
            if after.state is not burst.state:
                log_move(after)
                self._actions.tell_jobs(after)
            if after.owes_teardown:
                log.warning("teardown.again", extra={"kind": event.kind.value})
            self._schedule_turn()

    def wake(self) -> None:
        """Have a turn: something that was asked for is done."""
        self._schedule_turn()

    def turn(self) -> tuple[Decision, ...]:
        """Observe, decide, act, once; gives what was decided."""
        self._turn_is_due = False
        if not self._is_ready:
            return ()
        now = self._clock.now()
        snapshot, unstarted = self._observe(now)
        decisions = decide(snapshot, self._policy, now)
        snapshot = self._record(note_work(snapshot, decisions, now), snapshot)
        self._in_flight = jobs_in_flight(decisions, self._in_flight, now)
        decisions = (*decisions, *unstarted)
        self._log_decisions(decisions)
        outcomes: list[Outcome] = []
        if not self._is_dry_run:
            if not self._has_resumed:
                self._has_resumed = True
                self._actions.repeat_leaves(snapshot)
            outcomes += self._republish(now)
            outcomes += [self._act(decision, snapshot, now) for decision in decisions]
            self._adoption.look(snapshot, self._snapshot, self._schedule_turn)
            self._actions.forget_jobs_but(job.jobid for job in self._jobs.pending)
        # Events are taken in one by one between turns: with a turn after each, long turns would fall ever further back.
        ended = self._clock.now()
        self._next_turn_at = ended + (ended - now)
        if Outcome.CHANGED in outcomes:
            self._schedule_turn()
        self._set_timer(snapshot, now, outcomes)
        if self._on_turn is not None:
            self._on_turn(decisions)
        return decisions

    @property
    def _is_ready(self) -> bool:
        """Whether enough is known to decide: all earlier jobs, and which ranks are online and drained."""
        return self._is_replayed and self._online is not None and self._drained is not None

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            facts=self._facts,
            slots=self._slots,
            templates=self._templates,
            pending=self._jobs.pending,
            bursts=self._store.bursts,
            online=self._online or frozenset(),
            torpid=self._torpid,
            drained=self._drained or frozenset(),
            allocated=self._jobs.allocated,
            running=self._jobs.running,
            expected_starts=self._expected_starts.values,
            history=self._store.history,
            spent=self._store.spent,
        )

    def _observe(self, now: float) -> tuple[Snapshot, tuple[Decision, ...]]:
        """Move the bursts to where the world put them; give what is then, and the jobs that are left out of it."""
        before = self._snapshot()
        before = replace(before, returning=returning_ranks(before, self._policy, now))
        after = observe(before, now)
        if is_due(after, now):
            after = replace(after, join_errors=self._instance.join_errors())
        after = settle_losses(settle_joining(after, self._policy, now), self._policy, now)
        after = replace(after, changed_at=self._work_clock.note(after, now))
        after = settle_unstarted(after, self._in_flight, self._policy, now)
        return without_unstarted(self._record(after, before), self._policy, now)

    def _record(self, after: Snapshot, before: Snapshot) -> Snapshot:
        """Write the bursts that changed, and tell of those that moved."""
        moved = [new for old, new in zip(before.bursts, after.bursts, strict=True) if new is not old]
        if self._is_dry_run or not moved:
            return after
        self._store.save(*moved)
        for old, new in zip(before.bursts, after.bursts, strict=True):
            if new.state is not old.state:
                log_move(new)
                self._actions.tell_jobs(new)
        return after

    def _note_ranks(self) -> None:
        if self._online is not None and self._drained is not None:
            self._expected_starts.note_ranks(self._online - self._drained, self._clock.now())

    def _tell_job_lost(self, event: JobEvent) -> None:
        """Name a job that Flux fails on a burst's ranks: a lost node, most often; the exception's note says which."""
        if event.name != "exception" or event.context.get("severity") != 0:
            return
        held = self._jobs.ranks_of(event.jobid)
        for burst in self._store.bursts:
            if burst.state is not BurstState.GONE and burst.ranks & held:
                facts = {"jobid": event.jobid, "type": event.context.get("type"), "note": event.context.get("note")}
                log.warning("job.failed_on_burst", extra={"burst_id": burst.burst_id, **facts})

    def _tell_lost(self, online: Ranks) -> None:
        """Name the ranks that an active burst has lost."""
        for burst in self._store.bursts:
            if lost := newly_lost(burst, self._online or frozenset(), online):
                log.warning("ranks.lost", extra={"burst_id": burst.burst_id, **self._about(lost)})

    def _about(self, ranks: Ranks) -> dict[str, object]:
        hosts = compress(self._facts.hosts[rank] for rank in sorted(ranks))
        return {"ranks": format_idset(ranks), "hosts": hosts}

    def _republish(self, now: float) -> Iterator[Outcome]:
        """Publish again what was recorded, but is not known to be published: a crash or an outage lay between."""
        for burst in self._store.bursts:
            if burst.published_at is None and burst.state not in NOT_RUNNING:
                with about_burst(burst.burst_id):
                    yield self._actions.publish_request(burst, now)

    def _act(self, decision: Decision, snapshot: Snapshot, now: float) -> Outcome:
        """Carry out a decision; one that Flux refuses must not keep others, such as a teardown, from being done."""
        try:
            return self._actions.act(decision, snapshot, now)
        except FluxUnavailable:
            raise
        except FluxError as exc:
            facts = {"kind": decision.kind.value, "burst_id": decision.burst_id, "error": exc.text, "code": exc.code}
            log.error("decision.not_done", extra=facts)  # noqa: TRY400 - its text is clear
            return Outcome.FAILED

    def _schedule_turn(self) -> None:
        if self._is_ready and not self._turn_is_due:
            self._turn_is_due = True
            rest_s = self._next_turn_at - self._clock.now()
            if rest_s > 0:
                self._instance.call_later(min(rest_s, MAX_REST_S), self._run_turn)
            else:
                self._instance.call_soon(self._run_turn)

    def _run_turn(self) -> None:
        self.turn()

    def _set_timer(self, snapshot: Snapshot, now: float, outcomes: Iterable[Outcome]) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        changes = (
            next_wakeup(snapshot, self._policy, now),
            next_change(snapshot, self._in_flight, self._policy, now),
        )
        waits = [RETRY_S[outcome] for outcome in outcomes if outcome in RETRY_S]
        waits += [at - now for at in changes if at is not None]
        if waits:
            self._timer = self._instance.call_later(max(0.01, min(waits)), self._run_turn)

    def _log_decisions(self, decisions: tuple[Decision, ...]) -> None:
        """Log what is new: a decision that stands unchanged since the last turn is not news."""
        known = {(d.kind, d.code, d.burst_id, d.jobs) for d in self._last_decisions}
        for facts in log_facts(d for d in decisions if (d.kind, d.code, d.burst_id, d.jobs) not in known):
            log.info("decision", extra=facts)
        self._last_decisions = decisions
