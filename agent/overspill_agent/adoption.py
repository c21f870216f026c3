"""Taking up bursts that the KVS has lost: their nodes are asked in band, and a record is written.

Nodes that do not answer get no new work, and a person is told: nothing here may end what it does not know. What may be
believed, and what the record says, is `adopting`'s.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from overspill_agent.adopting import adopted, read_mark, unknown_ranks
from overspill_shared.hostlist import compress
from overspill_shared.idset import format_idset
from overspill_shared.log import about_burst

if TYPE_CHECKING:
    from collections.abc import Callable

    from overspill_agent.deciding.policy import Policy
    from overspill_agent.deciding.slots import Slot
    from overspill_agent.deciding.snapshot import Snapshot
    from overspill_agent.lead_identity import Identity
    from overspill_agent.ports import FluxInstance
    from overspill_agent.store import BurstStore
    from overspill_shared.idset import Ranks
    from overspill_shared.ports import Clock

log = logging.getLogger(__name__)

ATTEMPTS: Final = 3
RETRY_S: Final = 5.0
"""A node that has just joined may not answer yet."""


class Adoption:
    """What is known of ranks that no record knows; it belongs to the thread that owns the instance."""

    def __init__(
        self, *, instance: FluxInstance, store: BurstStore, identity: Identity, policy: Policy, clock: Clock
    ) -> None:
        self._instance = instance
        self._store = store
        self._identity = identity
        self._policy = policy
        self._clock = clock
        self._asked: dict[str, Ranks] = {}

    def look(self, snapshot: Snapshot, take_snapshot: Callable[[], Snapshot], on_adopted: Callable[[], None]) -> None:
        """Ask the nodes of slots whose ranks are online without a record, once for each set of ranks.

        The answer comes later: `take_snapshot` gives what is then, and `on_adopted` is called once it is on record.
        """
        unknown = unknown_ranks(snapshot)
        self._asked = {name: ranks for name, ranks in self._asked.items() if name in unknown}
        for slot in snapshot.slots:
            ranks = unknown.get(slot.name)
            if ranks and self._asked.get(slot.name) != ranks:
                self._asked[slot.name] = ranks
                _Inquiry(self, slot, ranks, take_snapshot, on_adopted).ask()

    def is_current(self, slot: Slot, ranks: Ranks) -> bool:
        """Tell whether these ranks are still what is asked about."""
        return self._asked.get(slot.name) == ranks

    def ask(self, rank: int, on_answer: Callable[[str | None], None]) -> None:
        """Ask a rank's node."""
        self._instance.read_burst_mark(rank, on_answer)

    def ask_later(self, call: Callable[[], None]) -> None:
        """Have an inquiry made again."""
        self._instance.call_later(RETRY_S, call)

    def take(self, text: str | None, slot: Slot, snapshot: Snapshot) -> str | None:
        """Write the record of the burst that nodes say they are of; give why not, None once it is known."""
        mark = read_mark(text, slot, deployment=self._identity.deployment, lead_id=self._identity.lead.id)
        if isinstance(mark, str):
            return mark
        # The ranks of a burst that has just ended may be seen for a moment longer.
        if self._store.get(mark.burst_id) is None:
            burst = adopted(mark, slot, snapshot, self._policy, self._clock.now())
            self._store.save(burst)
            with about_burst(burst.burst_id):
                facts = {"state": burst.state.value, "slot": slot.name, "ranks": burst.ranks_idset, "zone": burst.zone}
                log.warning("burst.adopted", extra=facts)
        return None

    def give_up(self, slot: Slot, ranks: Ranks, reason: str, snapshot: Snapshot) -> None:
        """Let ranks take no work that nobody knows, and say so."""
        hosts = compress(snapshot.facts.hosts[rank] for rank in sorted(ranks))
        facts = {
            "slot": slot.name,
            "ranks": format_idset(ranks),
            "hosts": hosts,
            "reason": reason,
            "remedy": "Find out who started them, and end them: they may cost money. Then free the slot with"
            f" `flux resource undrain {format_idset(ranks)}`.",
        }
        log.error("ranks.unknown", extra=facts)
        self._instance.drain(ranks, f"overspill: no burst on record; {reason}"[:200])


class _Inquiry:
    """One question to one slot's nodes, asked again a few times."""

    def __init__(
        self,
        adoption: Adoption,
        slot: Slot,
        ranks: Ranks,
        take_snapshot: Callable[[], Snapshot],
        on_adopted: Callable[[], None],
    ) -> None:
        self._adoption = adoption
        self._slot = slot
        self._ranks = ranks
        self._take_snapshot = take_snapshot
        self._on_adopted = on_adopted
        self._left = ATTEMPTS

    def ask(self) -> None:
        """Ask, unless other ranks are there by now."""
        if self._adoption.is_current(self._slot, self._ranks):
            self._left -= 1
            self._adoption.ask(min(self._ranks), self._answered)

    def _answered(self, text: str | None) -> None:
        if not self._adoption.is_current(self._slot, self._ranks):
            return
        snapshot = self._take_snapshot()
        reason = self._adoption.take(text, self._slot, snapshot)
        if reason is None:
            self._on_adopted()
        elif self._left:
            self._adoption.ask_later(self.ask)
        else:
            self._adoption.give_up(self._slot, self._ranks, reason, snapshot)
