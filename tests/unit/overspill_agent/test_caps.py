"""No cap is exceeded, whatever happens and in whatever order; what else must hold at each step stands beside it."""

from contextlib import suppress

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.fakes import FakeClock, Faults, Interrupted, RecordingPublisher
from tests.unit.overspill_agent.capped_world import DAY_S, SLOTS, World
from tests.unit.overspill_agent.in_memory_flux import Stage

from overspill_agent.paid_nodes import Meter
from overspill_shared.errors import Unavailable
from overspill_shared.lifecycle import BurstState
from overspill_shared.sealing import generate_keypair

PUBLIC_KEY = generate_keypair()[0]
EXAMPLES, STEPS = 45, 40

CAPS = st.fixed_dictionaries(
    {},
    optional={
        "cap_usd_per_burst": st.sampled_from([0.8, 1.5, 3.0]),
        "cap_usd_per_day": st.sampled_from([1.0, 2.0, 5.0]),
        "cap_usd_total": st.sampled_from([1.0, 4.0, 12.0]),
    },
)
WISHES = st.fixed_dictionaries(
    {
        "unknown_duration_s": st.sampled_from([300, 3600]),
        "idle_timeout_s": st.sampled_from([120, 600]),
        "keep_warm_s": st.sampled_from([0, 1800]),
        "shrinks": st.booleans(),
        "accepts_partial_join": st.booleans(),
    }
)
SECONDS = st.sampled_from([0.5, 1, 30, 250, 250, 700, 700, 1300, 3600, 3 * 3600, 9 * 3600, 30 * 3600, 3 * DAY_S])
MARKS = st.sampled_from([1, 1, 1, {"max_usd": 1.0}])


class CappedAgent(RuleBasedStateMachine):
    """The agent, in a world that does as it likes."""

    @initialize(caps=CAPS, wishes=WISHES, delete_s=st.sampled_from([20, 266]))
    def begin(self, caps, wishes, delete_s):
        clock, self.faults = FakeClock(), Faults()
        self.caps = caps
        self.stage = Stage(clock, self.faults, RecordingPublisher(self.faults), public_key=PUBLIC_KEY)
        self.world = World(self.stage, delete_s=delete_s, **caps, **wishes)
        self.most_ledger_usd = 0.0

    # -- the queue

    @rule(nodes=st.integers(1, 4), duration_s=st.sampled_from([0, 0, 60, 900, 7200]), mark=MARKS)
    def submit(self, nodes, duration_s, mark):
        self.world.submit(nodes, duration_s, mark)

    @precondition(lambda self: self.world.startable())
    @rule(data=st.data())
    def start_job(self, data):
        startable = self.world.startable()
        jobid = data.draw(st.sampled_from(sorted(startable)))
        self.world.start_job(jobid, startable[jobid])

    @precondition(lambda self: self.world.running)
    @rule(data=st.data())
    def end_job(self, data):
        self.world.end_job(data.draw(st.sampled_from(sorted(self.world.running))))

    @precondition(lambda self: self.world.pending)
    @rule(data=st.data())
    def cancel_job(self, data):
        self.world.cancel_job(data.draw(st.sampled_from(self.world.pending)))

    @rule(nodes=st.integers(1, 4), duration_s=st.sampled_from([0, 0, 900, 7200]), seconds=st.sampled_from([200, 350]))
    def burst_as_usual(self, nodes, duration_s, seconds):
        """Have a job wait, all that is asked for come, and start what can be."""
        self.world.submit(nodes, duration_s, 1)
        self.world.pass_time(seconds)
        for cluster in self.world.alive():
            for _ in range(6):
                self.world.proceed(cluster)
            self.world.join(cluster, 4)
        while startable := self.world.startable():
            self.world.start_job(*min(startable.items()))

    # -- the cloud

    @precondition(lambda self: self.world.alive())
    @rule(data=st.data(), steps=st.sampled_from([1, 5]))
    def proceed(self, data, steps):
        cluster = data.draw(st.sampled_from(self.world.alive()))
        for _ in range(steps):
            self.world.proceed(cluster)

    @precondition(lambda self: self.world.alive())
    @rule(data=st.data(), count=st.sampled_from([1, 4, 4, 4]))
    def join(self, data, count):
        """Bring a burst as far as its ranks, all of them most often."""
        cluster = data.draw(st.sampled_from(self.world.alive()))
        for _ in range(6):
            self.world.proceed(cluster)
        self.world.join(cluster, count)

    @precondition(lambda self: self.world.alive())
    @rule(data=st.data(), count=st.integers(1, 4))
    def lose(self, data, count):
        self.world.lose(data.draw(st.sampled_from(self.world.alive())), count)

    @precondition(lambda self: self.stage.flux.left)
    @rule()
    def leave(self):
        self.world.leave()

    @precondition(lambda self: self.world.alive())
    @rule(data=st.data())
    def fail(self, data):
        """Report a failure, or refuse what has not been begun."""
        cluster = data.draw(st.sampled_from(self.world.alive()))
        if cluster.progress:
            self.world.fail(cluster)
        else:
            self.world.reject(cluster)

    @precondition(lambda self: self.world.reports)
    @rule(data=st.data())
    def deliver(self, data):
        """Deliver any report that was ever made, again or late."""
        self.world.deliver(data.draw(st.sampled_from(self.world.reports)))

    @precondition(lambda self: self.world.reports)
    @rule()
    def deliver_all(self):
        for event in tuple(self.world.reports):
            self.world.deliver(event)

    # -- time, and accidents

    @rule(seconds=SECONDS)
    def pass_time(self, seconds):
        self.world.pass_time(seconds)

    @rule()
    def restart(self):
        self.world.restart()

    @rule(seconds=st.sampled_from([1, 250, 700, 1300, 9 * 3600]))
    def be_away(self, seconds):
        """Have no agent for a while; the next one finds what the KVS has."""
        self.stage.flux.on_event = None
        self.world.pass_time(seconds, has_agent=False)
        self.world.restart()

    @rule(calls=st.integers(0, 12), seconds=st.sampled_from([1, 700, 1300]))
    def be_killed(self, calls, seconds):
        """Kill the agent at a call to the outside, and start another."""
        self.faults.calls.clear()
        self.faults.kill_at = calls
        with suppress(Interrupted):
            self.world.pass_time(seconds)
        self.faults.kill_at = None
        self.world.restart()

    @precondition(lambda self: not self.faults.errors.get("publish"))
    @rule()
    def lose_publishing(self):
        self.faults.order("publish", Unavailable("Pub/Sub is away."))
        self.world.failures += 1

    # -- what holds

    @invariant()
    def no_cap_is_exceeded(self):
        now, clusters = self.world.now, self.world.clusters
        reserved = {one.burst_id: one.reserved_usd for one in self.world.records() if one.state is not BurstState.GONE}
        whole = {burst_id: cluster.usd(0, now) for burst_id, cluster in clusters.items()}
        day = {burst_id: cluster.usd(now - DAY_S, now) for burst_id, cluster in clusters.items()}
        for burst_id, usd in reserved.items():
            whole[burst_id] = max(whole.get(burst_id, 0.0), usd)
            day[burst_id] = max(day.get(burst_id, 0.0), usd)
        figures = {
            "cap_usd_per_burst": max(whole.values(), default=0.0),
            "cap_usd_per_day": sum(day.values()),
            "cap_usd_total": sum(whole.values()),
        }
        for name, cap in self.caps.items():
            assert figures[name] <= cap + self.world.tolerance_usd(), (name, figures[name], cap)

    @invariant()
    def books_are_never_too_small(self):
        now, clusters = self.world.now, self.world.clusters
        live = [one for one in self.world.records() if one.state is not BurstState.GONE]
        for one in live:
            if one.burst_id in clusters:
                meter = Meter(paid=one.paid_nodes, price_usd_per_h=one.price_usd_per_h)
                assert meter.usd_at(now) >= clusters[one.burst_id].usd(0, now) - 1e-6
        known = {one.burst_id for one in live}
        gone_usd = sum(cluster.usd(0, now) for burst_id, cluster in clusters.items() if burst_id not in known)
        assert self.world.ledger_usd() >= gone_usd - 1e-6
        assert self.world.ledger_usd() >= self.most_ledger_usd - 1e-6
        self.most_ledger_usd = self.world.ledger_usd()

    @invariant()
    def no_lease_lapses_of_a_burst_that_an_agent_keeps(self):
        """One that drains is told to leave before that."""
        kept = (BurstState.ACTIVE, BurstState.DRAINING)
        assert not [one for one in self.world.lapsed if one.state in kept and one.told_to_leave_at is None]

    @invariant()
    def no_slot_is_given_twice_or_beyond_its_size(self):
        there = [cluster for cluster in self.world.clusters.values() if cluster.gone_at is None]
        live = [one for one in self.world.records() if one.state is not BurstState.GONE]
        for name, ranks in SLOTS.items():
            assert len([one for one in there if one.slot == name]) <= 1
            assert len([one for one in live if one.slot == name]) <= 1
            assert all(one.ranks <= ranks for one in live if one.slot == name)
            assert all(one.size <= len(ranks) for one in there)

    @invariant()
    def each_waiting_job_is_explained_once(self):
        assert self.world.last_jobs() == sorted(self.world.pending)


def test_caps_are_never_exceeded_in_any_order_of_events():
    profile = settings(settings(), max_examples=EXAMPLES, stateful_step_count=STEPS)
    run_state_machine_as_test(CappedAgent, settings=profile)
