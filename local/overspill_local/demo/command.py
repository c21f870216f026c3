"""Joins options, lead, scenario and screen into one run of `overspill-local demo`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Any

from overspill_local.demo.outcome import Outcome
from overspill_local.demo.real_lead import RealLead
from overspill_local.demo.scenario import SLOT, DemoOptions, Scenario
from overspill_local.flux_brokers import LeadLayout
from overspill_local.frobnicator_path import frobnicator_path
from overspill_local.reader import shown_while_read
from overspill_local.timeline import Timeline
from overspill_shared.lead_config import Scheduler

if TYPE_CHECKING:
    from pathlib import Path

    from overspill_local.demo.lead import DemoLead
    from overspill_local.demo.screen import Screen


def run_demo(options: DemoOptions, screen: Screen) -> int:
    """Play a demo; gives the exit code: 0 if all went as it should, 1 otherwise."""
    outcome = Outcome(
        flux=options.flux,
        pubsub="embedded" if options.pubsub == "embedded" else "official",
        scheduler=options.scheduler,
    )
    timeline = Timeline()
    screen.begin(outcome)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_play(options, timeline, outcome, screen))
    if outcome.leftovers.any and not options.keep:
        outcome.fail(
            "leftovers", f"Something is left: {outcome.leftovers}.", "Report this as a bug, with the timeline."
        )
    screen.end(outcome, timeline.now())
    return 0 if outcome.ok else 1


async def _play(options: DemoOptions, timeline: Timeline, outcome: Outcome, screen: Screen) -> None:
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    if task is not None:
        timeline.listen(shown_while_read(screen.show, task.cancel))
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
    await Scenario(options, lambda folder, port: make_lead(options, folder, port), timeline, outcome).play()


def make_lead(options: DemoOptions, folder: Path, port: int, **layout_changes: Any) -> DemoLead:
    """Give the lead instance that the options ask for, to be started in `folder` and listening on `port`."""
    layout = LeadLayout(
        directory=folder,
        port=port,
        frobnicator_path=frobnicator_path(),
        scheduler=Scheduler.SIMPLE if options.scheduler == Scheduler.SIMPLE else Scheduler.FLUXION,
        local_nodes=options.local_nodes,
        slot_name=SLOT,
        slot_nodes=options.nodes,
        cores=os.cpu_count() or 1,
        **layout_changes,
    )
    if options.flux == "real":
        return RealLead(layout)
    from overspill_local.demo.standin_lead import StandInLead  # noqa: PLC0415 - only where Flux is missing

    return StandInLead(layout)
