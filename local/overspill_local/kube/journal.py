"""What happened to the objects of one kind, for as long as a watch may resume from: the journal.

Which changes a watch shows is in `watching`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from overspill_local.kube.resources import KubeObject

ChangeType: TypeAlias = Literal["ADDED", "MODIFIED", "DELETED"]


class RevisionExpiredError(Exception):
    """The journal no longer holds everything that came after a revision."""

    def __init__(self, revision: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {revision} ({oldest})")
        self.revision = revision
        self.oldest = oldest


@dataclass(frozen=True, slots=True)
class Change:
    """One change: what the object became (its last state if it was deleted), and what it was before."""

    revision: int
    type: ChangeType
    obj: KubeObject
    before: KubeObject | None


class Journal:
    """The last `capacity` changes, and a signal that more came; bound to the event loop that waits on it."""

    def __init__(self, capacity: int) -> None:
        self._changes: deque[Change] = deque(maxlen=capacity)
        self._forgotten_revision = 0
        self._grown = asyncio.Event()

    def append(self, change: Change) -> None:
        """Add a change, which may push out the oldest, and wake whoever waits."""
        if len(self._changes) == self._changes.maxlen:
            self._forgotten_revision = self._changes[0].revision
        self._changes.append(change)
        self.wake()

    def wake(self) -> None:
        """Wake whoever waits, without a change."""
        self._grown.set()
        self._grown = asyncio.Event()

    def since(self, revision: int) -> list[Change]:
        """Return the changes after `revision`; raises RevisionExpiredError if some of them are forgotten."""
        if revision < self._forgotten_revision:
            raise RevisionExpiredError(revision, self._forgotten_revision + 1)
        newer: deque[Change] = deque()
        for change in reversed(self._changes):
            if change.revision <= revision:
                break
            newer.appendleft(change)
        return list(newer)

    def grown(self) -> asyncio.Event:
        """Return an event that the next change sets; take it before `since`, and no change is missed."""
        return self._grown
