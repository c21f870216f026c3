"""What each rank is told to run for a job: task ranks, command, directory, environment.

Values in, values out, one JSON object a rank; running them is `tasks`'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from overspill_local.standin.jobid import format_f58
from overspill_local.standin.placement import count_tasks

if TYPE_CHECKING:
    from overspill_local.standin.job import Job


def build_orders(job: Job) -> dict[int, dict[str, Any]]:
    """Give each rank's order, task ranks counted through from the first rank on.

    `environment` is the job's, or null where the jobspec has none (the rank's own is used then); `variables` come on
    top.
    """
    counts = count_tasks(job.spec, job.shares)
    variables = {
        "FLUX_JOB_ID": format_f58(job.jobid),
        "FLUX_JOB_NNODES": str(len(job.shares)),
        "FLUX_JOB_SIZE": str(sum(counts)),
    }
    orders: dict[int, dict[str, Any]] = {}
    first = 0
    for share, count in zip(job.shares, counts, strict=True):
        orders[share.rank] = {
            "jobid": job.jobid,
            "tasks": list(range(first, first + count)),
            "command": list(job.spec.command),
            "cwd": job.spec.cwd,
            "environment": dict(job.spec.environment) if job.spec.environment is not None else None,
            "variables": variables,
        }
        first += count
    return orders
