"""One JSON object a line, with the burst's id on each line that is about one.

An event is a dotted constant and facts: `log.info("burst.requested", extra={"nodes": 4})`. Field names are Google Cloud
Logging's (`severity`, `message`, `time`). Set up by an entry point, never at import. A `Secret` prints as a mask.
"""

from __future__ import annotations

import json
import logging
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES: Final = (
    "overspill_shared",
    "overspill_agent",
    "overspill_provision",
    "overspill_teardown",
    "overspill_local",
)
"""Whose logs `setup` shows at the wanted level."""

_burst_id: ContextVar[str | None] = ContextVar("overspill_burst_id", default=None)

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


@contextmanager
def about_burst(burst_id: str | None) -> Iterator[None]:
    """Put `burst_id` on every line that is logged inside."""
    token = _burst_id.set(burst_id)
    try:
        yield
    finally:
        _burst_id.reset(token)


def current_burst() -> str | None:
    """Give the id of the burst that lines are about now."""
    return _burst_id.get()


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line; what cannot be JSON is given as text."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "severity": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
        }
        line.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        line.setdefault("burst_id", current_burst())
        if line["burst_id"] is None:
            del line["burst_id"]
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _one_line(line)


def _one_line(line: dict[str, Any]) -> str:
    try:
        return json.dumps(line, default=str, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        # NaN, a cycle, or a key that is no text somewhere inside: better all as text than a line lost.
        return json.dumps({key: str(value) for key, value in line.items()}, ensure_ascii=False)


def setup(*, level: str = "INFO", stream: IO[str] | None = None, json_lines: bool = True) -> None:
    """Send our logs, and warnings of libraries, to `stream` (default: standard error)."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if json_lines else _PlainFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for package in PACKAGES:
        logging.getLogger(package).setLevel(level.upper())
    # google.api_core cuts its loggers off from the root, at whatever moment it is first used, unless they have a level.
    google = logging.getLogger("google")
    google.setLevel(logging.WARNING)
    google.propagate = True


class _PlainFormatter(logging.Formatter):
    """Formats a record for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        facts = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if (burst := current_burst()) and "burst_id" not in facts:
            facts["burst_id"] = burst
        tail = " ".join(f"{key}={value}" for key, value in facts.items())
        clock = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        text = f"{clock} {record.levelname.lower():7} {record.getMessage()} {tail}".rstrip()
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text
