"""What of an instance outlives its lead broker: KVS and drained ranks, in one JSON file of the statedir.

Written whole and put in place by a rename, so a crash leaves the old state or the new one. Jobs are not kept.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME: Final = "standin-state.json"


@dataclass(slots=True, kw_only=True)
class State:
    """The durable part of an instance."""

    created_at: float
    """Epoch seconds of the instance's first start: job ids count from here, and so never come twice."""
    kvs: dict[str, Any] = field(default_factory=dict)
    drained: dict[int, str] = field(default_factory=dict)


class StateFile:
    """Keeps a State on disk, or nowhere if there is no statedir."""

    def __init__(self, statedir: Path | None) -> None:
        self._path = statedir / FILE_NAME if statedir else None

    def load(self, now: float) -> State:
        """Give the state of the last run, or a new one.

        Raises ConfigError if the file cannot be read.
        """
        if self._path is None or not self._path.exists():
            return State(created_at=now)
        try:
            kept = json.loads(self._path.read_text())
            drained = {int(rank): reason for rank, reason in kept["drained"].items()}
            return State(created_at=kept["created_at"], kvs=kept["kvs"], drained=drained)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            raise ConfigError(f"statedir: {self._path}: {exc}.", remedy="Remove it.", code="statedir") from None

    def save(self, state: State) -> None:
        """Put the state on disk; it is there when this returns."""
        if self._path is None:
            return
        kept = {"created_at": state.created_at, "kvs": state.kvs, "drained": state.drained}
        new = self._path.with_suffix(".new")
        with new.open("w") as file:
            json.dump(kept, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        _sync_directory(self._path.parent)


def _sync_directory(directory: Path) -> None:
    number = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
