"""What the agent needs of a Flux instance, and what it hears from one.

Two adapters implement `FluxInstance`: real Flux (`flux_instance`) and the stand-in (`standin_instance`). One thread
owns an instance: everything but `call_soon` and `stop` is called from it, callbacks run in it. No rule stands here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from overspill_shared.idset import Ranks
    from overspill_shared.secrets import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class RankResources:
    """What R (RFC 20) says of one rank."""

    rank: int
    cores: int
    gpus: int
    properties: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFacts:
    """What does not change while the instance runs."""

    is_real: bool
    scheduler: str
    """`fluxion`, `simple`, or `stand-in`."""
    scheduler_options: Mapping[str, str] = field(default_factory=dict)
    """What the scheduler runs with, whatever the configuration says: Fluxion's `prune-filters`, `match-policy` and
    `queue-policy`; nothing for others."""
    hosts: tuple[str, ...]
    """Every declared rank's host, in rank order, the slots' included."""
    resources: tuple[RankResources, ...]
    config: Mapping[str, Any]
    """The lead's live configuration, as broker.toml has it."""
    flux_version: str
    prefix: str
    uid: int
    gid: int
    topology: str | None
    """`tbon.topo`, where it is not the default for a configured bootstrap."""
    started_at: float | None = None
    """When the lead broker started (epoch seconds); None where that is not known."""

    @property
    def lets_none_pass(self) -> bool:
        """Whether a job that waits keeps those behind it waiting: under sched-simple, and Fluxion's default policy."""
        return self.scheduler == "simple" or self.scheduler_options.get("queue-policy") == "fcfs"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueHealth:
    """What state a queue is in."""

    name: str
    """Empty for the only queue of an instance that names none."""
    is_enabled: bool
    """It takes jobs."""
    is_started: bool
    """It starts jobs."""
    policy: str | None = None
    """Fluxion's policy for it."""
    depth: int | None = None
    """How many waiting jobs Fluxion looks at; None for its default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceHealth:
    """What may change while the instance runs, and only `overspill doctor` asks for."""

    online: Ranks
    drained: Ranks
    queues: tuple[QueueHealth, ...] = ()
    state_directory: str | None = None
    """Where the instance keeps its state over a restart; None where it does not."""
    quorum: int | None = None
    """How many ranks must be online before the lead runs its initial program; None where that is not known."""
    bindings_version: str | None = None
    """The version of the library that this process talks to Flux with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One entry of the job manager's journal (RFC 21, RFC 43)."""

    jobid: int
    name: str
    """submit, validate, depend, priority, alloc, start, finish, release, free, clean, exception, urgency, memo, …; and
    annotations: what the scheduler says of a job that waits, all of it each time."""
    at: float
    context: Mapping[str, Any]
    jobspec: Mapping[str, Any] | None = None
    """With `submit`: the jobspec without its environment."""
    R: Mapping[str, Any] | None = None
    """With `alloc`: what was allocated (RFC 20)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryReplayed:
    """Every job that existed before the agent started is known now, with what the scheduler says of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineChanged:
    """The ranks that the lead's overlay shows online; all of them, each time. The first comes at once."""

    ranks: Ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class TorpidChanged:
    """The ranks that are online but have not answered for long; all of them, each time."""

    ranks: Ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainedChanged:
    """The ranks that are drained, online or not; all of them, each time. The first comes at once."""

    ranks: Ranks


FluxEvent = JobEvent | HistoryReplayed | OnlineChanged | TorpidChanged | DrainedChanged


class Timer(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """Drop it; harmless once it was made."""
        ...


class FluxInstance(Protocol):
    """A running Flux instance as its owner sees it.

    Every method may raise FluxUnavailable if the broker is gone, and FluxError if Flux refuses.
    """

    def facts(self) -> InstanceFacts:
        """Read what does not change; raises ConfigError naming a key that the agent needs and Flux lacks."""
        ...

    def examine(self) -> InstanceHealth:
        """Read the state that the instance is in now."""
        ...

    def read_curve_cert(self) -> Secret:
        """Read the instance's curve certificate; raises ConfigError if it cannot be read."""
        ...

    def lock(self) -> None:
        """Become the one agent of this instance until the connection ends; raises AlreadyServed."""
        ...

    def read_state(self) -> dict[str, Any]:
        """Give every value below `overspill` in the instance's KVS, by its key after that prefix."""
        ...

    def write_state(self, changes: Mapping[str, Any]) -> None:
        """Write values below `overspill` in one atomic commit that survives a crash; None removes a key."""
        ...

    def drain(self, ranks: Ranks, reason: str) -> None:
        """Let ranks take no new work; ranks that are drained already are no error."""
        ...

    def undrain(self, ranks: Ranks) -> None:
        """Let ranks take work again; ranks that are not drained are no error."""
        ...

    def leave(self, ranks: Ranks) -> None:
        """Ask the brokers of these ranks to exit, in band; returns at once: see OnlineChanged for the effect."""
        ...

    def read_burst_mark(self, rank: int, on_answer: Callable[[str | None], None]) -> None:
        """Have a rank's node asked which burst it is of (overspill_shared.burst_mark), and `on_answer` called once.

        It gets the file's text; None where it cannot be read, or not in time.
        """
        ...

    def allocated(self) -> Ranks:
        """Ask the scheduler which ranks have work now: the last look before ranks are told to leave."""
        ...

    def join_errors(self) -> Mapping[int, str]:
        """Give what the lead's overlay and its log say of ranks that tried to join and were refused, by rank."""
        ...

    def memo(self, jobid: int, memo: Mapping[str, Any]) -> None:
        """Have a job's memo written, which shows in `flux jobs -o '{user.…}'`.

        Values are merged with what it holds; None removes one. As all that is said of one job, it may happen after
        this returns, in the order of asking; what fails is logged, and a job that is gone is no error.
        """
        ...

    def raise_exception(self, jobid: int, *, severity: int, kind: str, note: str) -> None:
        """Have an exception raised on a job, as `memo` is written; severity above 0 is a remark."""
        ...

    def set_urgency(self, jobid: int, urgency: int) -> None:
        """Have a job's urgency set (0-31, default 16), as `memo` is written."""
        ...

    def call_soon(self, call: Callable[[], None]) -> None:
        """Have the owner's thread make this call; may be called from any thread."""
        ...

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        """Have this call made in `delay_s` seconds."""
        ...

    def run(self, on_event: Callable[[FluxEvent], None]) -> None:
        """Listen until `stop`; the history of jobs and the present ranks come first.

        Raises FluxUnavailable when the broker goes away, and whatever a callback raises.
        """
        ...

    def stop(self) -> None:
        """End `run`; may be called from any thread."""
        ...

    def close(self) -> None:
        """Let go of the connection, and with it of the lock."""
        ...
