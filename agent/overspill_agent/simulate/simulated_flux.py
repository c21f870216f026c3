"""The agent's ports in a simulation: a Flux instance, a publisher and a clock that only keep what they are asked for.

What the agent asks is given on as effects on the simulated world; what is said on jobs is said to nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from overspill_agent.ports import InstanceHealth
from overspill_agent.simulate.ports import Drain, Leave, Request, Resize, Teardown, Undrain
from overspill_shared.messages import BurstRequest, TeardownRequest
from overspill_shared.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from overspill_agent.ports import FluxEvent, InstanceFacts
    from overspill_agent.simulate.ports import Effect
    from overspill_shared.idset import Ranks
    from overspill_shared.messages import Message


@dataclass(slots=True)
class SimulatedClock:
    """Time that the engine sets."""

    time: float

    def now(self) -> float:
        """Give epoch seconds."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Let simulated time pass."""
        self.time += seconds


@dataclass(slots=True, eq=False)
class SimulatedTimer:
    """A call that is to come."""

    at: float
    call: Callable[[], None]
    is_canceled: bool = False

    def cancel(self) -> None:
        """Drop it."""
        self.is_canceled = True


class SimulatedFlux:
    """A `FluxInstance` that is told what to answer."""

    def __init__(self, facts: InstanceFacts, clock: SimulatedClock) -> None:
        self._facts = facts
        self._clock = clock
        self._timers: list[SimulatedTimer] = []
        self._ledger: dict[str, Any] = {}
        self.busy: Ranks = frozenset()
        """The ranks that have work."""
        self.effects: list[Effect] = []
        """What the agent asked for; whoever carries it out clears it."""

    def take_due_calls(self) -> tuple[Callable[[], None], ...]:
        """Give each call that is due now, once."""
        due = [timer for timer in self._timers if timer.at <= self._clock.now() and not timer.is_canceled]
        self._timers = [timer for timer in self._timers if timer not in due and not timer.is_canceled]
        return tuple(dict.fromkeys(timer.call for timer in due))

    @property
    def next_call_at(self) -> float | None:
        """When the next call is due; None without one."""
        return min((timer.at for timer in self._timers if not timer.is_canceled), default=None)

    def facts(self) -> InstanceFacts:
        """Give what was declared."""
        return self._facts

    def examine(self) -> InstanceHealth:
        """Give an instance without a fault."""
        return InstanceHealth(online=frozenset(), drained=frozenset())

    def read_curve_cert(self) -> Secret:
        """Give something to seal."""
        return Secret(b"no certificate: this is a simulation")

    def lock(self) -> None:
        """Do nothing: nobody else is here."""

    def read_state(self) -> dict[str, Any]:
        """Give the ledger alone, once there is one."""
        return self._ledger

    def write_state(self, changes: Mapping[str, Any]) -> None:
        """Keep the ledger, and drop the records: nobody restarts."""
        self._ledger |= {key: value for key, value in changes.items() if key == "ledger"}

    def drain(self, ranks: Ranks, reason: str) -> None:
        """Ask for it."""
        del reason
        self.effects.append(Drain(ranks=ranks))

    def undrain(self, ranks: Ranks) -> None:
        """Ask for it."""
        self.effects.append(Undrain(ranks=ranks))

    def leave(self, ranks: Ranks) -> None:
        """Ask for it."""
        self.effects.append(Leave(ranks=ranks))

    def read_burst_mark(self, rank: int, on_answer: Callable[[str | None], None]) -> None:
        """Answer that there is none: no record is ever lost here."""
        del rank
        on_answer(None)

    def allocated(self) -> Ranks:
        """Give the ranks that have work."""
        return self.busy

    def join_errors(self) -> Mapping[int, str]:
        """Give none: brokers that do not join say nothing."""
        return {}

    def memo(self, jobid: int, memo: Mapping[str, Any]) -> None:
        """Say it to nobody."""

    def raise_exception(self, jobid: int, *, severity: int, kind: str, note: str) -> None:
        """Say it to nobody."""

    def set_urgency(self, jobid: int, urgency: int) -> None:
        """Leave the order alone: the simulated scheduler lets jobs pass by itself."""

    def call_soon(self, call: Callable[[], None]) -> None:
        """Keep it for now."""
        self._timers.append(SimulatedTimer(self._clock.now(), call))

    def call_later(self, delay_s: float, call: Callable[[], None]) -> SimulatedTimer:
        """Keep it for later."""
        timer = SimulatedTimer(self._clock.now() + delay_s, call)
        self._timers.append(timer)
        return timer

    def run(self, on_event: Callable[[FluxEvent], None]) -> None:
        """Return at once: events come from outside."""

    def stop(self) -> None:
        """Do nothing: nothing runs."""

    def close(self) -> None:
        """Do nothing: nothing is open."""


class SimulatedPublisher:
    """A `Publisher` whose messages are effects."""

    def __init__(self, flux: SimulatedFlux, slots: Mapping[str, tuple[int, ...]]) -> None:
        self._flux = flux
        self._slots = slots

    def publish(self, message: Message) -> str:
        """Turn it into what it does to the world; a lease matters to nobody here."""
        match message:
            case BurstRequest():
                ranks = frozenset(self._slots[message.slot.name][: message.size])
                self._flux.effects.append(
                    Request(burst_id=message.burst_id, slot=message.slot.name, ranks=ranks)
                    if message.revision == 1
                    else Resize(burst_id=message.burst_id, ranks=ranks, revision=message.revision)
                )
            case TeardownRequest():
                self._flux.effects.append(Teardown(burst_id=message.burst_id))
            case _:
                pass
        return "simulated"

    def dead_letter(self, topic: str, body: bytes, attributes: dict[str, str], *, reason: str) -> None:
        """Drop it: nobody writes a message that cannot be read."""
