"""The simulated cloud: clusters that come, grow, fail and go, and what each costs. It decides nothing.

Nodes are paid for from the request until the cloud has nothing left of them, those of a failed create too: the real
bill begins a little later and ends a little sooner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from overspill_agent.simulate.latencies import draw_fate, draw_growth_s
from overspill_agent.simulate.outcomes import BurstOutcome

if TYPE_CHECKING:
    from overspill_agent.simulate.latencies import CloudModel, Fate


@dataclass(slots=True)
class Meter:
    """Node-seconds, added up while the number of nodes changes."""

    nodes: int = 0
    since: float = 0.0
    node_s: float = 0.0

    def set(self, nodes: int, at: float) -> None:
        """Count so many nodes from now on."""
        self.node_s += self.nodes * (at - self.since)
        self.nodes, self.since = nodes, at

    def add(self, nodes: int, at: float) -> None:
        """Count so many nodes more, or fewer."""
        self.set(self.nodes + nodes, at)


@dataclass(slots=True, kw_only=True)
class Cluster:
    """What the cloud has of one burst."""

    burst_id: str
    number: int
    slot: str
    fate: Fate
    requested_at: float
    paid: Meter
    used: Meter
    most_nodes: int
    revision: int = 1
    online_at: float | None = None
    deleting_since: float | None = None
    removed_at: float | None = None

    @property
    def is_up(self) -> bool:
        """Whether nodes may still come online: nobody asked for its end."""
        return self.deleting_since is None

    def outcome(self, end: float, *, quiet_since: float) -> BurstOutcome:
        """Give what it was; what is not gone is paid for until `end`, and a leak if it was there all the quiet time."""
        gone_at = end if self.removed_at is None else self.removed_at
        self.paid.set(self.paid.nodes, gone_at)
        return BurstOutcome(
            burst_id=self.burst_id,
            slot=self.slot,
            requested_at=self.requested_at,
            online_at=self.online_at,
            removed_at=self.removed_at,
            is_leaked=self.removed_at is None and self.requested_at <= quiet_since,
            most_nodes=self.most_nodes,
            existed_s=gone_at - self.requested_at,
            paid_node_s=self.paid.node_s,
            used_node_s=self.used.node_s,
            failure=self.fate.failure,
        )


class Cloud:
    """All clusters of one run."""

    def __init__(self, model: CloudModel, seed: int) -> None:
        self._model = model
        self._seed = seed
        self._left = 0
        self.clusters: dict[str, Cluster] = {}

    def create(self, burst_id: str, slot: str, nodes: int, now: float) -> Cluster | None:
        """Begin a cluster; None if there is one of that name: a request that comes twice makes nothing twice."""
        if burst_id in self.clusters:
            return None
        number = len(self.clusters)
        cluster = Cluster(
            burst_id=burst_id,
            number=number,
            slot=slot,
            fate=draw_fate(self._model, self._seed, number),
            requested_at=now,
            paid=Meter(since=now, nodes=nodes),
            used=Meter(since=now),
            most_nodes=nodes,
        )
        self.clusters[burst_id] = cluster
        self._left += 1
        return cluster

    def resize(self, cluster: Cluster, nodes: int, revision: int, now: float) -> float:
        """Begin to change the number of nodes, and pay for more from now on; gives how long the change takes."""
        cluster.revision = revision
        cluster.paid.set(max(nodes, cluster.paid.nodes), now)
        cluster.most_nodes = max(cluster.most_nodes, nodes)
        return draw_growth_s(self._model, self._seed, cluster.number, revision)

    def gone_after_s(self, nodes: int) -> float:
        """Give how long surplus nodes are paid for after a change to `nodes` is done.

        An emptied pool is empty then; of one that only shrinks an autoscaler takes the nodes that nothing runs on.
        """
        return self._model.scale_down_s if nodes else 0.0

    def give_back(self, cluster: Cluster, nodes: int, revision: int, now: float) -> None:
        """Pay for no more than `nodes` from now on, if nothing else was asked for since."""
        if cluster.revision == revision and cluster.is_up:
            cluster.paid.set(min(nodes, cluster.paid.nodes), now)

    def delete(self, cluster: Cluster, now: float) -> bool:
        """Begin to delete; tells whether it was not under way already."""
        if cluster.deleting_since is not None:
            return False
        cluster.deleting_since = now
        return True

    def remove(self, cluster: Cluster, now: float) -> None:
        """Have nothing left of a cluster."""
        cluster.paid.set(0, now)
        cluster.removed_at = now
        self._left -= 1

    @property
    def are_all_gone(self) -> bool:
        """Whether nothing costs anything."""
        return not self._left
