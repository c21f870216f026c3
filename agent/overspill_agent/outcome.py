"""What carrying out a decision came to. A value; who carries out stands elsewhere."""

from __future__ import annotations

from enum import Enum, auto


class Outcome(Enum):
    """What carrying out a decision came to."""

    DONE = auto()
    """Nothing is left to do, and no burst's record changed."""
    CHANGED = auto()
    """A burst's record changed: something else may be due at once."""
    POSTPONED = auto()
    """The scheduler knows of work that the journal has not told yet."""
    FAILED = auto()
    """Flux or Pub/Sub did not do it: the same decision is to be tried again later."""
