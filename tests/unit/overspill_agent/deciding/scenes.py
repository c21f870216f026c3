"""Snapshots as files, and what is planned of them: two ranks at home, two slots of eight, one template.

A test says only what it is about; figures hang together (a node has 8 cores and costs 1 USD an hour).
"""

import json

from overspill_agent.deciding.decide import decide
from overspill_agent.deciding.snapshot_file import parse_snapshot_file
from overspill_agent.deciding.snapshot_reading import plan_json, read_snapshot

NOW = 1_000_000.0
LONG_AGO = NOW - 3600


def job(jobid, nodes=4, *, cores=8, **changes):
    content = {"id": jobid, "submitted_at": LONG_AGO, "burstable": 1, "nodes": nodes, "cores_per_node": cores}
    if nodes is None:
        content |= {"cores": cores, "cores_per_node": None}
    return content | changes


def running(jobid, ranks, *, ends_in_s, cores=8, **changes):
    times = {"started_at": NOW - 100, "duration_s": 100 + ends_in_s}
    return {"id": jobid, "state": "RUNNING", "ranks": ranks, "cores_per_node": cores, **times, **changes}


def template(name="t", **changes):
    content = {"name": name, "machine_type": "c2", "cores": 8, "memory_mib": 32000, "price_usd_per_h": 1.0}
    return content | {"zones": ["z-a", "z-b"]} | changes


def burst(state="ACTIVE", *, slot="burst-0", nodes=4, age_s=1000, **changes):
    content = {"burst_id": f"of-{slot}", "slot": slot, "template": "t", "zone": "z-a", "nodes": nodes, "state": state}
    return content | {"created_at": NOW - age_s, "since": NOW - age_s / 2} | changes


def experience(outcome="ok", *, zone="z-a", ago_s=60.0, **changes):
    return {"template": "t", "zone": zone, "at": NOW - ago_s, "outcome": outcome, **changes}


def scene(*jobs, home="0-1", slots=2, policy=None, **changes):
    ranks = [{"ids": home, "cores": 8}] if home else []
    declared = []
    for number in range(slots):
        ids = f"{10 + 8 * number}-{17 + 8 * number}"
        ranks.append({"ids": ids, "cores": 8, "state": "offline", "properties": ["burst"]})
        declared.append({"name": f"burst-{number}", "ranks": ids, "template": "t", "min_nodes": 1})
    content = {"now": NOW, "jobs": list(jobs), "ranks": ranks, "slots": declared, "templates": [template()]}
    return content | {"policy": policy or {}} | changes


def values(content):
    """Give what is decided from: a snapshot, its policy, and the time."""
    file = parse_snapshot_file(json.dumps(content))
    policy = file.policy.policy()
    return read_snapshot(file, policy), policy, file.now


def plan(content):
    """Give what is planned, as the command prints it."""
    ids = [job["id"] for job in content["jobs"]]
    return plan_json(decide(*values(content)), ids)["decisions"]


def planned(*jobs, **changes):
    return plan(scene(*jobs, **changes))


def summary(decisions):
    """Give what each decision is about, in an order that does not depend on how they were found."""
    slots = [None if d["kind"] == "hold" else d["slot"] for d in decisions]
    told = [
        (d["kind"], d["code"], tuple(sorted(map(str, d["jobs"]))), slot, d["nodes"])
        for d, slot in zip(decisions, slots, strict=True)
    ]
    return sorted(told, key=str)


def code_of(decisions, jobid):
    (found,) = [d for d in decisions if jobid in d["jobs"]]
    return found["code"]
