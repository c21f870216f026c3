"""`overspill plan` and `overspill explain`: read, decide, show. Their options stand in `cli`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from rich.console import Console

from overspill_agent.deciding.decide import decide
from overspill_agent.deciding.snapshot_file import parse_snapshot_file
from overspill_agent.deciding.snapshot_reading import plan_json, planned, read_snapshot
from overspill_agent.planning.job_ids import parse_job_id
from overspill_agent.planning.report import as_list, as_text
from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from overspill_agent.agent_settings import AgentSettings
    from overspill_agent.deciding.decisions import Decision

EXIT_UNKNOWN_JOB = 1


def of_file(path: Path) -> tuple[tuple[Decision, ...], list[int | str]]:
    """Decide from a snapshot's file, `-` for standard input; gives the jobs' ids too.

    Raises ConfigError naming every key that is wrong.
    """
    file = parse_snapshot_file(_read(path))
    policy = file.policy.policy()
    decisions = decide(read_snapshot(file, policy), policy, file.now)
    return planned(decisions), [job.id for job in file.jobs]


def of_instance(settings: AgentSettings, environ: Mapping[str, str]) -> tuple[Decision, ...]:
    """Decide what the agent would now of the live instance, and do none of it.

    Raises FluxUnavailable if no broker answers, or it does not tell enough.
    """
    from overspill_agent import wiring  # noqa: PLC0415 - half a second of imports that a file does not need

    found: list[tuple[Decision, ...]] = []
    wiring.preview(settings, environ, found.append)
    return planned(found[0])


def show(decisions: Sequence[Decision], ids: Sequence[int | str] | None, *, as_json: bool) -> None:
    """Print a plan."""
    if as_json:
        sys.stdout.write(json.dumps(plan_json(decisions, ids), indent=2) + "\n")
    elif decisions:
        Console().print(as_list(decisions, ids))
    else:
        sys.stdout.write("nothing to decide: no job that may burst waits, and no burst needs anything\n")


def explain(job: str, decisions: Sequence[Decision], ids: Sequence[int | str] | None, *, as_json: bool) -> int:
    """Print what is decided of one job, and why; gives the exit code: 1 if nothing is.

    Raises ConfigError if `job` is no id.
    """
    number = _flux_id(job) if ids is None else next((n for n, known in enumerate(ids) if str(known) == job), None)
    about = [decision for decision in decisions if number is not None and number in decision.jobs]
    if as_json:
        told = plan_json(about, ids)["decisions"]
        sys.stdout.write(json.dumps({"job": job, "decision": told[0] if told else None}, indent=2) + "\n")
    elif about:
        Console(soft_wrap=True, highlight=False).print(as_text(job, about[0]), markup=False)
    else:
        sys.stdout.write(
            f"{job}: nothing is decided of it. It is not known, runs, has ended, or may not burst: is it marked"
            " (`flux submit --setattr=burstable …`), or what the setting `eligible` asks for?\n"
        )
    return 0 if about else EXIT_UNKNOWN_JOB


def _flux_id(job: str) -> int:
    number = parse_job_id(job)
    if number is None:
        raise ConfigError(
            f"{job[:40]!r} is no job id.", remedy="Give it as `flux jobs` prints it: ƒ…, or in decimal.", code="job-id"
        )
    return number


def _read(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror}.", remedy="Give a file that can be read.", code="snapshot") from None
