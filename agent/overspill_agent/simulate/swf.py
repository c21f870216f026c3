"""Reading the Standard Workload Format, version 2.2, of the Parallel Workloads Archive. Pure: text in, a trace out.

Each line has 18 numbers, -1 where something is not known; lines with `;` are comments, and those of the head are
`; Key: value`. https://www.cs.huji.ac.il/labs/parallel/workload/swf.html has the definition.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from overspill_agent.simulate.trace import Trace, TraceJob, in_order
from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

FIELDS: Final = 18
# Positions of what is read.
_JOB, _SUBMIT, _RUN, _ALLOCATED, _REQUESTED, _LIMIT, _STATUS = 0, 1, 3, 4, 7, 8, 10
_PARTIAL: Final = (2, 3, 4)
"""Statuses of a job's parts: the whole job has a line of its own."""
_HEAD: Final = re.compile(r";\s*([A-Za-z]+):\s*(.*\S)")


def read_swf(lines: Iterable[str], *, name: str, processors_per_node: int = 1) -> Trace:
    """Read a log; processors become whole nodes, rounded up.

    Raises ConfigError that names the line, if one does not have its numbers.
    """
    head: dict[str, str] = {}
    jobs: dict[int, TraceJob] = {}
    skipped = 0
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text.startswith(";"):
            if found := _HEAD.fullmatch(text):
                head.setdefault(found[1], found[2])
        elif text:
            where = f"{name}, line {number}"
            job = _read_job(_numbers(text, where), processors_per_node)
            if job is None:
                skipped += 1
            elif job.jobid in jobs:
                raise _wrong(where, f"the job number {job.jobid} stands twice")
            else:
                jobs[job.jobid] = job
    return Trace(
        name=name,
        jobs=in_order(tuple(jobs.values())),
        nodes=_nodes(head),
        source=_acknowledgement(head),
        skipped=skipped,
    )


def _numbers(text: str, where: str) -> list[float]:
    words = text.split()
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        bad = next(word for word in words if not _is_number(word))
        raise _wrong(where, f"{bad[:40]!r} is no number") from None
    if len(numbers) != FIELDS:
        raise _wrong(where, f"a job has {FIELDS} numbers, this line has {len(numbers)}")
    if not all(map(math.isfinite, numbers)):
        raise _wrong(where, "a number is not finite")
    return numbers


def _read_job(numbers: list[float], processors_per_node: int) -> TraceJob | None:
    """Give a line's job; None if it is none that ran whole."""
    processors = numbers[_REQUESTED] if numbers[_REQUESTED] > 0 else numbers[_ALLOCATED]
    if numbers[_STATUS] in _PARTIAL or processors <= 0 or numbers[_RUN] < 0 or numbers[_SUBMIT] < 0:
        return None
    return TraceJob(
        jobid=int(numbers[_JOB]),
        submitted_at=numbers[_SUBMIT],
        nodes=math.ceil(processors / processors_per_node),
        run_s=numbers[_RUN],
        limit_s=numbers[_LIMIT] if numbers[_LIMIT] > 0 else None,
    )


def _nodes(head: dict[str, str]) -> int | None:
    found = re.match(r"\d+", head.get("MaxNodes", ""))
    return int(found[0]) if found and int(found[0]) > 0 else None


def _acknowledgement(head: dict[str, str]) -> str:
    parts = [head[key] for key in ("Computer", "Installation") if key in head]
    parts += [f"acknowledge {head['Acknowledge']}"] if "Acknowledge" in head else []
    return ", ".join(parts)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _wrong(where: str, problem: str) -> ConfigError:
    return ConfigError(
        f"{where}: {problem}.",
        remedy="Give a log in the Standard Workload Format (18 numbers a line), or JSON lines; see docs/simulate.md.",
        code="trace",
    )
