"""Where traces come from: files, compressed or not, and the examples that are shipped. It reads files, nothing else."""

from __future__ import annotations

import gzip
import zlib
from importlib import resources
from typing import TYPE_CHECKING, Final

from overspill_agent.simulate.json_lines import is_json_lines, read_json_lines
from overspill_agent.simulate.swf import read_swf
from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from overspill_agent.simulate.trace import Trace

EXAMPLES: Final = ("office", "campaign", "wide")
"""The shipped traces, by name; each one's first line says how it was made."""
_GZIP: Final = b"\x1f\x8b"


def load_trace(file: Path, *, processors_per_node: int = 1) -> Trace:
    """Read a trace from a file, or the shipped example of this name if there is no such file.

    Raises ConfigError if there is neither, if the file is no trace, or if there is no job in it.
    """
    trace = _load(file, processors_per_node)
    if not trace.jobs:
        raise ConfigError(
            f"{file} has no job that ran ({trace.skipped} are left out).",
            remedy="Give a log in which jobs have a size, a submission and a run time; see docs/simulate.md.",
            code="trace",
        )
    return trace


def _load(file: Path, processors_per_node: int) -> Trace:
    if not file.exists() and str(file) in EXAMPLES:
        text = resources.files("overspill_agent.simulate").joinpath("traces", f"{file}.jsonl").read_text("utf-8")
        return read_json_lines(text.splitlines(), name=str(file))
    text = _read(file)
    if is_json_lines(text):
        return read_json_lines(text.splitlines(), name=file.name)
    return read_swf(text.splitlines(), name=file.name, processors_per_node=processors_per_node)


def _read(file: Path) -> str:
    try:
        content = file.read_bytes()
        content = gzip.decompress(content) if content.startswith(_GZIP) else content
        # Comments of old logs are in whatever encoding their authors had.
        return content.decode("utf-8", errors="replace")
    except (OSError, EOFError, zlib.error) as exc:
        why = getattr(exc, "strerror", None) or str(exc)
        raise ConfigError(
            f"{file}: {why}.",
            remedy=f"Give a log in the Standard Workload Format, JSON lines, or one of {', '.join(EXAMPLES)}.",
            code="trace",
        ) from None
