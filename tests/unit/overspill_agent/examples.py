"""Values that hang together: a lead of two ranks with two slots of four. A test changes only what it is about."""

import copy
import json

from overspill_agent.bursts import Burst, HistoryEntry
from overspill_agent.deciding.demand import burstable_mark, duration_of, parse_demand
from overspill_agent.deciding.mounts import working_directory
from overspill_agent.deciding.slots import find_slots
from overspill_agent.deciding.snapshot import Snapshot
from overspill_agent.jobs import PendingJob
from overspill_agent.ports import InstanceFacts, RankResources
from overspill_shared import messages
from overspill_shared.lifecycle import BurstState
from overspill_shared.templates import Template

NOW = 1_760_000_000.0
HOSTS = (*(f"lead-{i}" for i in range(2)), *(f"burst-0-{i}" for i in range(4)), *(f"burst-1-{i}" for i in range(4)))
HOME = frozenset({0, 1})
SLOT_0, SLOT_1 = frozenset({2, 3, 4, 5}), frozenset({6, 7, 8, 9})
CONFIG = {
    "bootstrap": {
        "curve_cert": "/etc/flux/system/curve.cert",
        "hosts": [
            {"host": "lead-0", "connect": "tcp://lead.example.org:8050"},
            {"host": "lead-1,burst-0-[0-3],burst-1-[0-3]"},
        ],
    },
    "resource": {"path": "/etc/flux/system/R", "noverify": True},
}
ERROR = {"class": "capacity", "code": "stockout", "text": "The zone has no such nodes.", "remedy": "Wait."}

_PATHS = {
    BurstState.REQUESTED: (),
    BurstState.PROVISIONING: ("PROVISIONING",),
    BurstState.JOINING: ("PROVISIONING", "JOINING"),
    BurstState.ACTIVE: ("PROVISIONING", "JOINING", "ACTIVE"),
    BurstState.DRAINING: ("PROVISIONING", "JOINING", "ACTIVE", "DRAINING"),
    BurstState.FAILED: ("PROVISIONING", "FAILED"),
    BurstState.TEARING_DOWN: ("PROVISIONING", "JOINING", "ACTIVE", "DRAINING", "TEARING_DOWN"),
    BurstState.GONE: ("PROVISIONING", "JOINING", "ACTIVE", "DRAINING", "TEARING_DOWN", "GONE"),
}


def rank_resources(rank, host, *, cores=4, gpus=0):
    properties = frozenset({"burst"} if host.startswith("burst") else ())
    return RankResources(rank=rank, cores=cores, gpus=gpus, properties=properties)


def make_facts(**changes):
    content = {
        "is_real": True,
        "scheduler": "fluxion",
        "hosts": HOSTS,
        "config": copy.deepcopy(CONFIG),
        "flux_version": "0.88.0",
        "prefix": "/usr",
        "uid": 1000,
        "gid": 1000,
        "topology": None,
        **changes,
    }
    content.setdefault("resources", tuple(rank_resources(*item) for item in enumerate(content["hosts"])))
    return InstanceFacts(**content)


def make_template(**changes):
    content = {
        "name": "default",
        "machine_type": "c2-standard-8",
        "cores": 4,
        "memory_mib": 32768,
        "zones": ("us-central1-a", "us-central1-b"),
        "price_usd_per_h": 0.5,
    }
    return Template.model_validate({**content, **changes})


def make_slots(facts=None):
    return find_slots(facts or make_facts(), {"default": make_template()}, {}, burst_property="burst")


def make_jobspec(nodes=4, *, slots=1, cores=1, gpus=0, burstable=1, **system):
    """Give a jobspec as `flux submit` writes it; `nodes=None` asks for slots alone."""
    inside = [{"type": "core", "count": cores}, *([{"type": "gpu", "count": gpus}] if gpus else [])]
    slot = {"type": "slot", "count": slots, "with": inside, "label": "task"}
    vertex = slot if nodes is None else {"type": "node", "count": nodes, "with": [slot]}
    marks = {} if burstable is None else {"burstable": burstable}
    return {
        "version": 1,
        "resources": [vertex],
        "tasks": [{"command": ["hostname"], "slot": "task", "count": {"per_slot": 1}}],
        "attributes": {"system": {"duration": 0, **marks, **system}},
    }


def make_job(jobid=1, nodes=4, *, urgency=16, problem="", **jobspec):
    content = make_jobspec(nodes, **jobspec)
    return PendingJob(
        jobid=jobid,
        submitted_at=NOW,
        urgency=urgency,
        priority=urgency,
        demand=None if problem else parse_demand(content),
        problem=problem,
        jobspec_json=json.dumps(content).encode(),
        cwd=working_directory(content),
        burstable=burstable_mark(content),
        duration_s=duration_of(content),
    )


def make_burst(state="ACTIVE", *, slot="burst-0", size=4, generation=int(NOW), at=NOW, **changes):
    """Give the record of a burst that went the usual way to its state, all at the time `at`."""
    state = BurstState(state)
    first = {"burst-0": 2, "burst-1": 6}[slot]
    content = {
        "burst_id": f"{generation:032x}",
        "generation": generation,
        "slot": slot,
        "template": "default",
        "zone": "us-central1-a",
        "ranks_idset": f"{first}-{first + size - 1}",
        "jobs": (1,),
        "reason": "a job of 4 nodes waits",
        "state": state,
        "since": at,
        "created_at": at,
        "published_at": at,
        "deadline_at": at + 1200,
        "hard_end_at": at + 8 * 3600,
        # Until its hard end: only a test of leases wants renewals.
        "lease_expires_at": at + 8 * 3600,
        "history": tuple(
            HistoryEntry(state=move, at=at, cause=f"became {move}") for move in ("REQUESTED", *_PATHS[state])
        ),
    }
    if BurstState.DRAINING in _PATHS[state]:
        content |= {"has_drained": True, "teardown_reason": "idle-timeout"}
    if state is BurstState.FAILED:
        content |= {"error": ERROR}
    if state is BurstState.TEARING_DOWN:
        content |= {"teardown_published_at": at, "teardown_attempts": 1}
    return Burst.model_validate({**content, **changes})


def make_failed_burst(*, error_class="capacity", **changes):
    """Give the record of a burst that failed, was torn down and is gone."""
    at = changes.get("at", NOW)
    moves = ("REQUESTED", "FAILED", "TEARING_DOWN", "GONE")
    history = tuple(HistoryEntry(state=move, at=at, cause="") for move in moves)
    gone = {
        "history": history,
        "has_drained": False,
        "teardown_reason": "failed",
        "error": {**ERROR, "class": error_class},
    }
    return make_burst("GONE", **{**gone, **changes})


def make_event(about, kind, *, code="", **changes):
    """Give what a function reports of a burst; the same report has the same id."""
    content = {
        "event_id": messages.event_id(about.burst_id, messages.EventKind(kind), changes.get("revision", 1), code),
        "burst_id": about.burst_id,
        "generation": about.generation,
        "deployment": "default",
        "lead": "lead",
        "kind": kind,
        "occurred_at": NOW,
    }
    if kind in ("failed", "rejected"):
        content["error"] = {**ERROR, "code": code or "stockout"}
    if kind == "removed":
        content["receipt"] = {"clusters_deleted": ["overspill-0123456789ab"], "checked_at": NOW}
    return messages.BurstEvent.model_validate({**content, **changes})


def make_snapshot(**changes):
    facts = changes.get("facts") or make_facts()
    templates = {"default": make_template()}
    return Snapshot(**{"facts": facts, "slots": make_slots(facts), "templates": templates, "online": HOME, **changes})
