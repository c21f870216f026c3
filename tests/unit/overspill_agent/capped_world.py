"""An instance, its queue and a cloud with books of its own, behind the real agent: what bursts really cost.

Nodes cost from the publishing of their request until they are gone, whatever the agent believes. Reports of the cloud
are true when they are made, and arrive late, twice, in any order, or never. Time passes in the order of what is due.
"""

from tests.unit.overspill_agent.examples import HOME, SLOT_0, SLOT_1, make_event

from overspill_agent.deciding.decisions import DecisionKind
from overspill_agent.deciding.policy import Policy
from overspill_agent.store import parse_state
from overspill_shared.messages import BurstRequest, LeaseRenewal, TeardownRequest

PRICE_USD_PER_H = 0.5
SLOTS = {"burst-0": SLOT_0, "burst-1": SLOT_1}
LOCAL_JOB = 9999
DAY_S = 24 * 3600
RATE_USD_PER_S = sum(map(len, SLOTS.values())) * PRICE_USD_PER_H / 3600
TURN_S = 15.0
"""A turn may be so late: what Pub/Sub did not take is tried again after ten seconds."""
PROGRESS = ("accepted", "cluster-creating", "cluster-running", "minicluster-created", "ready")


class Cluster:
    """What the cloud has of one burst, and what it really costs."""

    def __init__(self, request, now):
        self.request = request
        self.slot = request.slot.name
        self.sizes = [(now, request.size)]
        self.lease = None
        self.has_lost_a_renewal = False
        self.deleting_since = None
        self.gone_at = None
        self.progress = 0
        self.revision = request.revision

    @property
    def ranks(self):
        return frozenset(sorted(SLOTS[self.slot])[: self.size])

    @property
    def size(self):
        return self.sizes[-1][1]

    def usd(self, start, end):
        """Give what it cost between two times."""
        ends = [*(at for at, _ in self.sizes[1:]), end]
        seconds = 0.0
        for (at, nodes), until in zip(self.sizes, ends, strict=True):
            seconds += nodes * max(0.0, min(until, end) - max(at, start))
        return seconds * PRICE_USD_PER_H / 3600

    def set_size(self, nodes, now):
        self.sizes.append((now, nodes))


class World:
    """Everything that is there but the agent."""

    def __init__(self, stage, *, delete_s, **policy):
        self.stage = stage
        self.delete_s = delete_s
        self.clusters = {}
        self.reports = []
        self.heard = 0
        self.jobs = {}
        self.pending = []
        self.running = {}
        self.failures = 0
        self.lapsed = []
        stage.policy = Policy(gather_quiet_s=0, gather_max_s=0, join_timeout_s=600, **policy)
        stage.submit(LOCAL_JOB, 2, burstable=None)
        stage.allocate(LOCAL_JOB, sorted(HOME))
        stage.start()
        self.obey()

    @property
    def now(self):
        return self.stage.clock.now()

    # -- Flux

    def submit(self, nodes, duration_s, mark):
        jobid = len(self.jobs) + 1
        self.jobs[jobid] = nodes
        self.pending.append(jobid)
        self.stage.submit(jobid, nodes, duration=duration_s, burstable=mark)
        self.obey()

    def startable(self):
        """Give the jobs that Flux could start now, with the ranks that they would get."""
        flux = self.stage.flux
        free = flux.ranks.online - flux.ranks.drained - HOME - frozenset().union(*self.running.values())
        return {jobid: sorted(free)[: self.jobs[jobid]] for jobid in self.pending if self.jobs[jobid] <= len(free)}

    def start_job(self, jobid, ranks):
        self.pending.remove(jobid)
        self.running[jobid] = frozenset(ranks)
        self.stage.allocate(jobid, ranks)
        self.obey()

    def end_job(self, jobid):
        del self.running[jobid]
        self.stage.free(jobid)
        self.obey()

    def cancel_job(self, jobid):
        self.pending.remove(jobid)
        self.stage.flux.job(jobid, "exception", severity=0, type="cancel", note="")
        self.stage.flux.job(jobid, "clean")
        self.stage.flux.settle()
        self.obey()

    def set_online(self, ranks):
        """Change which ranks are there; what ran on those that are not is over."""
        for jobid in [jobid for jobid, held in self.running.items() if held - ranks]:
            self.end_job(jobid)
        self.stage.flux.set_online(ranks)
        self.stage.flux.settle()
        self.obey()

    def leave(self):
        """Have the brokers exit that were told to."""
        told, self.stage.flux.left = self.stage.flux.left, frozenset()
        self.set_online(self.stage.ranks.online - told)

    # -- the cloud

    def obey(self):
        """Do what was published since."""
        while self.heard < len(self.stage.publisher.events):
            message = self.stage.publisher.events[self.heard]
            self.heard += 1
            if isinstance(message, BurstRequest):
                self._make(message)
            elif isinstance(message, TeardownRequest):
                self._delete(message)
            elif isinstance(message, LeaseRenewal):
                cluster = self.clusters.get(message.burst_id)
                if cluster is not None and cluster.lease is None:
                    cluster.has_lost_a_renewal = True
                elif cluster is not None:
                    cluster.lease = max(cluster.lease, message.expires_at)

    def _make(self, request):
        cluster = self.clusters.get(request.burst_id)
        if cluster is None:
            if self.now < request.deadline_at:
                self.clusters[request.burst_id] = Cluster(request, self.now)
            return
        if cluster.deleting_since is None and request.revision > cluster.request.revision:
            cluster.request = request
            if request.size > cluster.size:
                cluster.set_size(request.size, self.now)

    def _delete(self, message):
        cluster = self.clusters.get(message.burst_id)
        if cluster is None or cluster.gone_at is not None:
            self.reports.append(make_event(message, "removed"))
        elif cluster.deleting_since is None:
            cluster.deleting_since = self.now

    def alive(self):
        return [cluster for cluster in self.clusters.values() if cluster.deleting_since is None]

    def proceed(self, cluster):
        """Come a step further with a cluster, and report it."""
        if cluster.progress < len(PROGRESS):
            kind = PROGRESS[cluster.progress]
            cluster.progress += 1
            if kind == "minicluster-created":
                cluster.lease = cluster.request.expires_at
            self.reports.append(make_event(cluster.request, kind))
        elif cluster.request.revision > cluster.revision:
            cluster.revision = cluster.request.revision
            if cluster.request.size < cluster.size:
                cluster.set_size(cluster.request.size, self.now)
            self.reports.append(make_event(cluster.request, "resized", revision=cluster.revision))

    def fail(self, cluster):
        self.reports.append(make_event(cluster.request, "failed", revision=cluster.request.revision))

    def reject(self, cluster):
        """Refuse a request of which nothing was made: it never cost anything."""
        cluster.sizes = [(self.now, 0)]
        cluster.deleting_since = cluster.gone_at = self.now
        self.reports.append(make_event(cluster.request, "rejected"))

    def join(self, cluster, count):
        if cluster.progress == len(PROGRESS):
            self.set_online(self.stage.ranks.online | frozenset(sorted(cluster.ranks)[:count]))

    def lose(self, cluster, count):
        self.set_online(self.stage.ranks.online - frozenset(sorted(cluster.ranks)[:count]))

    def deliver(self, event):
        self.stage.flux.call_soon(lambda: self.stage.agent.on_burst_event(event))
        self.stage.flux.settle()
        self.obey()

    # -- time

    def pass_time(self, seconds, *, has_agent=True):
        """Let time pass, everything at its own time; without an agent nobody answers."""
        until = self.now + seconds
        while True:
            timer = self.stage.flux.next_timer(until) if has_agent else None
            due = min((self._due(cluster) for cluster in self.clusters.values()), default=float("inf"))
            at = min(until, due, timer.at if timer is not None else until)
            self.stage.clock.time = max(self.now, at)
            if due <= at:
                self._pass_ends(has_agent=has_agent)
            elif timer is not None and timer.at <= at:
                call, timer.call = timer.call, None
                call()
                self.stage.flux.settle()
            else:
                return
            if has_agent:
                self.obey()

    def _due(self, cluster):
        """Give when a cluster changes by itself next."""
        if cluster.gone_at is not None:
            return float("inf")
        if cluster.deleting_since is not None:
            return cluster.deleting_since + self.delete_s
        return self._lapses_at(cluster)

    def _lapses_at(self, cluster):
        """Give when the dead-man or a sweep removes it; without a lease provision does, at its deadline."""
        return cluster.request.deadline_at if cluster.lease is None else min(cluster.lease, cluster.request.hard_end_at)

    def _pass_ends(self, *, has_agent):
        for cluster in self.clusters.values():
            if cluster.gone_at is None and self._due(cluster) <= self.now:
                if cluster.deleting_since is None:
                    is_early = self._lapses_at(cluster) < cluster.request.hard_end_at - 1
                    if has_agent and is_early and not cluster.has_lost_a_renewal:
                        self.lapsed += [one for one in self.records() if one.burst_id == cluster.request.burst_id]
                    cluster.deleting_since = self.now
                if cluster.deleting_since + self.delete_s <= self.now:
                    cluster.gone_at = self.now
                    cluster.set_size(0, self.now)
                    self.reports.append(make_event(cluster.request, "removed"))
                    self.set_online(self.stage.ranks.online - SLOTS[cluster.slot])

    def restart(self):
        """Have a new agent take over what the KVS has."""
        self.stage.start()
        self.obey()

    # -- the books

    def records(self):
        return tuple(parse_state(self.stage.ranks.kvs)[0].values())

    def ledger_usd(self):
        return sum(one["usd"] for one in self.stage.ranks.kvs.get("ledger", {}).get("spent", ()))

    def tolerance_usd(self):
        return RATE_USD_PER_S * TURN_S * (1 + self.failures)

    def last_jobs(self):
        """Give the jobs of the last turn's requests, growths and holds."""
        kinds = (DecisionKind.REQUEST, DecisionKind.GROW, DecisionKind.HOLD)
        return sorted(jobid for one in self.stage.turns[-1] if one.kind in kinds for jobid in one.jobs)
