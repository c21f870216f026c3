"""The agent as a process beside real Flux: how fast it asks, decides and sees ranks, and what it costs meanwhile."""

import shutil

from tests.bench import flux_cost, flux_joins, flux_lowering, flux_requests, flux_waiting
from tests.bench.flux_rig import Rig

from overspill_shared.lead_config import Scheduler


def run():
    if shutil.which("flux") is None:
        return {"skipped": "there is no `flux` on PATH"}
    report = {}
    with Rig(slots=flux_requests.SLOTS + flux_joins.JOINS) as rig:
        agent = rig.start_agent()
        report["idle"] = flux_cost.over_a_minute(agent)
        report["submit_to_published"] = flux_requests.measure(rig, agent)
        joins = range(flux_requests.SLOTS, flux_requests.SLOTS + flux_joins.JOINS)
        report["online_to_active"] = flux_joins.measure(rig, agent, joins)
    with Rig(slots=len(flux_waiting.SIZES) * flux_waiting.SUBMITS) as rig:
        agent = rig.start_agent()
        report["waiting"] = flux_waiting.measure(rig, agent)
        report["with_10000_waiting"] = flux_cost.over_a_minute(agent)
    with Rig(slots=flux_lowering.PROBES, scheduler=Scheduler.SIMPLE) as rig:
        report["lowering"] = flux_lowering.measure(rig)
    return report
