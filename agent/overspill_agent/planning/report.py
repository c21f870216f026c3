"""A plan for a person. Values in, text out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from overspill_agent.deciding.decisions import DecisionKind
from overspill_agent.planning.job_ids import format_job_id
from overspill_shared.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from overspill_agent.deciding.decisions import Decision

SHOWN_JOBS: Final = 5


def as_list(decisions: Iterable[Decision], ids: Sequence[int | str] | None = None) -> Group:
    """Give decisions, each with its reason on lines below it.

    `ids` are the jobs' own, by their numbers; None where these are Flux's.
    """
    return Group(*(line for decision in decisions for line in _lines(decision, ids)))


def _lines(decision: Decision, ids: Sequence[int | str] | None) -> tuple[RenderableType, RenderableType]:
    facts = (
        f"job{'s' if len(decision.jobs) > 1 else ''} {_jobs(decision.jobs, ids)}" if decision.jobs else None,
        None if decision.nodes is None else counted(decision.nodes, "node"),
        _where(decision),
        None if decision.reserve_usd is None else f"${decision.reserve_usd:.2f}",
        None if decision.eta_p50_s is None else f"ready in {decision.eta_p50_s:.0f}-{decision.eta_p90_s:.0f} s",
    )
    head = Text.assemble(
        (decision.kind.value, _COLOURS.get(decision.kind, "default")),
        f" {decision.code.value}: ",
        ", ".join(fact for fact in facts if fact),
    )
    return head, Padding(Text(decision.reason, style="dim"), (0, 0, 0, 4), expand=False)


def as_text(job: str, decision: Decision) -> str:
    """Give what is decided of one job as lines."""
    lines = [f"{job}: {decision.kind.value}, {decision.code.value}", f"  why: {decision.reason}"]
    others = len(decision.jobs) - 1
    eta = None if decision.eta_p50_s is None else f"{decision.eta_p50_s:.0f} s (p90 {decision.eta_p90_s:.0f} s)"
    facts = (
        ("nodes", decision.nodes),
        ("where", _where(decision)),
        ("burst", decision.burst_id),
        ("reserved", None if decision.reserve_usd is None else f"${decision.reserve_usd:.2f}"),
        ("ready in", eta),
        ("with it", counted(others, "more job") if others else None),
    )
    return "\n".join([*lines, *(f"  {name}: {value}" for name, value in facts if value is not None)])


_COLOURS = {
    DecisionKind.REQUEST: "green",
    DecisionKind.GROW: "green",
    DecisionKind.HOLD: "yellow",
    DecisionKind.DRAIN: "red",
    DecisionKind.TEARDOWN: "red",
}


def _where(decision: Decision) -> str | None:
    return " ".join(part for part in (decision.slot, decision.template, decision.zone) if part) or None


def _jobs(jobs: Sequence[int], ids: Sequence[int | str] | None) -> str:
    names = [format_job_id(job) if ids is None else str(ids[job]) for job in jobs[:SHOWN_JOBS]]
    more = f" and {len(jobs) - SHOWN_JOBS} more" if len(jobs) > SHOWN_JOBS else ""
    return ", ".join(names) + more
