"""Our own trace format: a head line, then one JSON object a job. Pure: text in, a trace out, and back.

The names are those of `overspill plan --snapshot`: `id`, `submitted_at`, `nodes`, `duration_s` (what a job asked for),
`burstable`; `run_s` is how long it really ran.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from overspill_agent.simulate.trace import Trace, TraceJob, in_order
from overspill_shared.errors import ConfigError
from overspill_shared.fields import Count, Name, PriceUsdPerH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

VERSION: Final = 1
Seconds = Annotated[float, Field(ge=0, le=1e11)]


class _Line(BaseModel):
    # A misspelt key would silently change the figures.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Head(_Line):
    overspill_trace: Literal[1]
    nodes: Count | None = None
    slots: dict[Name, Count] = {}
    price_usd_per_h: PriceUsdPerH | None = None
    source: str = ""


class _Job(_Line):
    id: int = Field(ge=0)
    submitted_at: Seconds
    nodes: Count
    run_s: Seconds
    duration_s: Annotated[float, Field(gt=0, le=1e11)] | None = None
    burstable: bool = True


LineModel = TypeVar("LineModel", bound=_Line)


def is_json_lines(text: str) -> bool:
    """Tell whether a file's beginning is JSON: nothing in the Standard Workload Format begins with a brace."""
    return text.lstrip().startswith("{")


def read_json_lines(lines: Iterable[str], *, name: str) -> Trace:
    """Read a trace; empty lines and lines with # are passed over.

    Raises ConfigError that names the line and the key, if one is wrong.
    """
    texts = ((number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#"))
    first, text = next(texts, (1, ""))
    head = _parse(_Head, text, f"{name}, line {first}")
    jobs: dict[int, TraceJob] = {}
    for number, line in texts:
        job = _parse(_Job, line, f"{name}, line {number}")
        if job.id in jobs:
            raise _wrong(f"{name}, line {number}", f"the id {job.id} stands twice")
        jobs[job.id] = TraceJob(
            jobid=job.id,
            submitted_at=job.submitted_at,
            nodes=job.nodes,
            run_s=job.run_s,
            limit_s=job.duration_s,
            is_burstable=job.burstable,
        )
    return Trace(
        name=name,
        jobs=in_order(tuple(jobs.values())),
        nodes=head.nodes,
        slots=head.slots,
        price_usd_per_h=head.price_usd_per_h,
        source=head.source,
    )


def write_json_lines(trace: Trace) -> Iterator[str]:
    """Give a trace's lines, each with its end."""
    head: dict[str, Any] = {"overspill_trace": VERSION, "nodes": trace.nodes, "slots": dict(trace.slots)}
    yield _line(head | {"price_usd_per_h": trace.price_usd_per_h, "source": trace.source})
    for job in trace.jobs:
        yield _line(
            {
                "id": job.jobid,
                "submitted_at": job.submitted_at,
                "nodes": job.nodes,
                "run_s": job.run_s,
                "duration_s": job.limit_s,
                "burstable": job.is_burstable,
            }
        )


def _line(values: dict[str, Any]) -> str:
    return json.dumps({key: value for key, value in values.items() if value not in (None, "", {})}) + "\n"


def _parse(model: type[LineModel], text: str, where: str) -> LineModel:
    try:
        return model.model_validate_json(text)
    except ValidationError as exc:
        problem = exc.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in problem["loc"])
        raise _wrong(where, f"{key}: {problem['msg']}" if key else problem["msg"]) from None


def _wrong(where: str, problem: str) -> ConfigError:
    return ConfigError(
        f"{where}: {problem}.",
        remedy="docs/simulate.md has the format; `overspill trace` makes an example.",
        code="trace",
    )
