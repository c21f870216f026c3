"""What a demo does, step by step; what it shows is the screen's, what it comes to the outcome's.

Every wait has a deadline, and whatever happens the cloud is stopped and what is left is counted.
"""

from __future__ import annotations

import asyncio
import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from overspill_local.cloud import EmbeddedCloud
from overspill_local.cloud_options import CloudOptions
from overspill_local.demo.waiting import EventWaiter
from overspill_local.free_port import free_port
from overspill_local.process import ProcessError
from overspill_local.together import together
from overspill_shared.errors import OverspillError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from overspill_local.broker_commands import FluxKind
    from overspill_local.demo.lead import DemoLead
    from overspill_local.demo.outcome import Outcome
    from overspill_local.timeline import Event, Timeline

LEAD_ID: Final = "lead"
SLOT: Final = "burst-0"
SLACK_S: Final = 90.0
"""What a burst may take beyond the delays that were asked for."""
DEFAULT_COMMAND: Final = (
    "sh",
    "-c",
    'echo "rank $FLUX_TASK_RANK on $(flux getattr hostname 2>/dev/null || hostname)"; sleep 0.5',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What was asked for."""

    flux: FluxKind
    scheduler: str
    pubsub: str
    nodes: int
    local_nodes: int
    create_s: float
    idle_timeout_s: float
    keep: bool
    command: tuple[str, ...]


class Scenario:
    """One run of a demo."""

    def __init__(
        self,
        options: DemoOptions,
        make_lead: Callable[[Path, int], DemoLead],
        timeline: Timeline,
        outcome: Outcome,
    ) -> None:
        """`make_lead(folder, port)` gives the lead to start."""
        self._options = options
        self._make_lead = make_lead
        self._timeline = timeline
        self._outcome = outcome
        self._waiter = EventWaiter(timeline)
        self._lead: DemoLead

    async def play(self) -> None:
        """Play it; every failure ends in the outcome, and so does a cancellation, which is raised again."""
        cloud_options = CloudOptions(
            flux=self._options.flux,
            pubsub=self._options.pubsub,
            create_s=self._options.create_s,
            delete_s=min(0.5, self._options.create_s),
        )
        cloud = EmbeddedCloud(cloud_options, self._timeline, beside=self._start_lead)
        try:
            async with cloud:
                try:
                    await self._play_in(cloud)
                    self._outcome.leftovers.clusters = len(cloud.clusters_left())
                except (OverspillError, TimeoutError) as exc:
                    self._fail(exc, logs=cloud.keep_logs())
        except OverspillError as exc:
            self._fail(exc, logs=None)
        except asyncio.CancelledError:
            self._outcome.fail("interrupted", "The demo was interrupted.", "Run it again.")
            raise
        finally:
            self._outcome.leftovers.processes = cloud.processes_left()

    async def _start_lead(self, cloud: EmbeddedCloud) -> None:
        lead = self._lead = self._make_lead(cloud.folder / "flux", free_port())
        await lead.start(cloud.supervisor, cloud.process_environ())
        declared = self._options.local_nodes + self._options.nodes
        self._timeline.add("lead.up", online=self._options.local_nodes, declared=declared)

    async def _play_in(self, cloud: EmbeddedCloud) -> None:
        await together(self._show_resources("before"), self._start_agent(cloud))
        jobid = await self._submit()
        try:
            await self._run_jobs(jobid)
        finally:
            await self._collect(jobid)
        if not self._options.keep:
            await self._tear_down()

    async def _start_agent(self, cloud: EmbeddedCloud) -> None:
        await cloud.start_agent(
            {
                **cloud.process_environ(),
                "FLUX_URI": self._lead.uri,
                "OVERSPILL_IDLE_TIMEOUT_S": str(self._options.idle_timeout_s),
                "OVERSPILL_JOIN_TIMEOUT_S": str(self._options.create_s + SLACK_S),
            }
        )

    async def _submit(self) -> str:
        """Submit the burstable job first, so that the local one must pass it."""
        jobid = await self._submit_one(self._options.nodes, self._options.command, burstable=True)
        self._outcome.job.id = jobid
        return jobid

    async def _submit_one(self, nodes: int, command: tuple[str, ...], *, burstable: bool) -> str:
        argv = self._lead.submit_command(nodes, command, burstable=burstable)
        jobid = await self._lead.submit(argv)
        self._timeline.add("job.submitted", id=jobid, burstable=burstable, command=_as_typed(argv))
        return jobid

    async def _run_jobs(self, jobid: str) -> None:
        total_s = self._options.create_s + SLACK_S
        local = await self._submit_one(1, ("hostname",), burstable=False)
        await self._lead.attach(local, SLACK_S)
        facts = await self._lead.job(local)
        self._timeline.add("job.finished", what="local job", id=local, state=facts.state, nodes=",".join(facts.nodes))
        if self._waiter.seen_log("burst.moved", state="ACTIVE"):
            self._outcome.fail("local-job-waited", "The local job did not pass the waiting burstable one.")
        job = asyncio.create_task(self._lead.attach(jobid, total_s))
        joined = asyncio.create_task(
            self._waiter.log("burst.moved", timeout_s=total_s, what="the burst's ranks join", state="ACTIVE")
        )
        failed = asyncio.create_task(
            self._waiter.log("burst.moved", timeout_s=total_s, what="the burst's ranks join", state="FAILED")
        )
        try:
            await asyncio.wait({joined, failed}, return_when=asyncio.FIRST_COMPLETED)
            if not joined.done():
                event = failed.result()
                raise OverspillError(
                    f"The burst failed: {event.facts.get('cause')}.", remedy=str(event.facts.get("remedy", ""))
                )
            joined.result()
            await self._show_resources("during")
            finished = await job
        finally:
            for task in (job, joined, failed):
                task.cancel()
        self._outcome.job.output = finished.stdout.splitlines()
        if finished.code != 0:
            self._outcome.fail(
                "job-failed", f"The job ended with exit code {finished.code}: {finished.stderr.strip()[-300:]}"
            )

    async def _collect(self, jobid: str) -> None:
        """Fill in what is known of the burst and its job, however it went."""
        facts = await self._lead.job(jobid)
        self._outcome.job.state = facts.state
        self._outcome.job.nodes = list(facts.nodes)
        self._timeline.add(
            "job.finished", what="burstable job", id=jobid, state=facts.state, nodes=",".join(facts.nodes)
        )
        request = self._waiter.first("message.published", topic="overspill-requests")
        ready = self._waiter.first("message.published", topic="overspill-events", kind="ready")
        joined = self._waiter.seen_log("burst.moved", state="ACTIVE")
        if request is not None:
            self._outcome.burst_id = str(request.facts.get("burst_id"))
        if joined is not None:
            self._outcome.ranks_joined = int(joined.facts.get("nodes", 0))
        timings = self._outcome.timings
        timings.submit_to_request_s = _between(facts.submitted_at - self._timeline.epoch(0), request)
        timings.request_to_ready_s = _between(request, ready)
        timings.ready_to_joined_s = _between(ready, joined)
        if joined is not None and facts.started_at is not None:
            timings.joined_to_start_s = round(facts.started_at - self._timeline.epoch(joined.t), 3)
        self._job_ended_at = facts.ended_at

    async def _tear_down(self) -> None:
        total_s = self._options.idle_timeout_s + SLACK_S
        self._timeline.add(
            "demo.waiting", text=f"the burst is torn down once idle for {self._options.idle_timeout_s:g} s"
        )
        removed = await self._waiter.message("overspill-events", "removed", timeout_s=total_s)
        await self._waiter.log("slot.released", timeout_s=SLACK_S, what="the slot's ranks are undrained")
        if self._job_ended_at is not None:
            idle_s = self._timeline.epoch(removed.t) - self._job_ended_at
            self._outcome.timings.idle_to_removed_s = round(idle_s, 3)
        _, drained = await asyncio.gather(self._show_resources("after"), self._lead.drained())
        self._outcome.leftovers.drained_ranks = drained

    async def _show_resources(self, when: str) -> None:
        self._timeline.add("resources", when=when, text=(await self._lead.resources()).rstrip())

    def _fail(self, error: Exception, *, logs: Path | None) -> None:
        code, text = "timeout", str(error) or "Something took too long."
        if isinstance(error, OverspillError):
            code, text = error.code, error.text
        where = f" What every process wrote is in {logs}." if logs else ""
        self._outcome.fail(code, text, f"{_remedy(error)}{where}".strip())


def _remedy(error: Exception) -> str:
    if isinstance(error, ProcessError):  # it names a log file that is gone with the cloud
        return ""
    return error.remedy if isinstance(error, OverspillError) else "Look at the timeline above."


def _as_typed(argv: list[str]) -> str:
    """Give a command line as a user types it; the stand-in's begins with its own program's name."""
    if argv[:1] == [sys.executable]:
        argv = ["standin", *argv[3:]]
    return shlex.join(argv)


def _between(start: Event | float | None, end: Event | None) -> float | None:
    begin = start if isinstance(start, (float, int)) or start is None else start.t
    return None if begin is None or end is None else round(end.t - begin, 3)
