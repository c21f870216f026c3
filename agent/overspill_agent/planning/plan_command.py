"""`overspill plan`: read, decide, show. Its options stand in `cli`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from rich.console import Console

from overspill_agent.deciding.decide import decide
from overspill_agent.deciding.snapshot_file import parse_snapshot_file
from overspill_agent.deciding.snapshot_reading import plan_json, planned, read_snapshot
from overspill_agent.planning.report import as_table
from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def show_file(path: Path, *, as_json: bool) -> None:
    """Print what would be decided of a snapshot's file; `-` is standard input.

    Raises ConfigError naming every key that is wrong.
    """
    file = parse_snapshot_file(_read(path))
    policy = file.policy.policy()
    decisions = decide(read_snapshot(file, policy), policy, file.now)
    ids = [job.id for job in file.jobs]
    if as_json:
        sys.stdout.write(json.dumps(plan_json(decisions, ids), indent=2) + "\n")
    else:
        Console().print(as_table(planned(decisions), ids))


def _read(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror}.", remedy="Give a file that can be read.", code="snapshot") from None
