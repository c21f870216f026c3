"""Deciding with ever more jobs that wait: 20 slots, 50 templates, 64 ranks at home; and its growth a job.

Half of the jobs are few kinds of which there are many, as users submit them; the others differ in all they ask for.
"""

import json
import random
import statistics
import time
from dataclasses import replace

from overspill_agent.deciding.decide import decide
from overspill_agent.deciding.snapshot_file import parse_snapshot_file
from overspill_agent.deciding.snapshot_reading import read_snapshot

SIZES = (1_000, 10_000, 100_000)
REPEATS = 3
NOW = 1_000_000.0


def run():
    return {name: _measure(backfill=backfill) for name, backfill in (("in_order", False), ("backfill", True))}


def _measure(*, backfill):
    seconds = {size: _median(size, backfill=backfill) for size in SIZES}
    small, middle, large = (seconds[size] / size for size in SIZES)
    return {
        "decide_ms": {str(size): round(value * 1e3, 1) for size, value in seconds.items()},
        "cost_per_job_growth": {"1000_to_10000": round(middle / small, 2), "10000_to_100000": round(large / middle, 2)},
    }


def _median(size, *, backfill):
    snapshot, policy, now = snapshot_of(size, backfill=backfill)
    return statistics.median(_once(replace(snapshot), policy, now) for _ in range(REPEATS))


def _once(snapshot, policy, now):
    began = time.process_time()
    decide(snapshot, policy, now)
    return time.process_time() - began


def snapshot_of(size, *, backfill=False):
    """Give a snapshot of a busy site, its policy, and the time."""
    chance = random.Random(size)
    templates = [_template(number, chance) for number in range(50)]
    ranks, slots = [{"ids": "0-63", "cores": 16}], []
    for number in range(20):
        first = 64 + 16 * number
        ids = f"{first}-{first + 15}"
        shape = {"cores": templates[number]["cores"], "gpus": templates[number]["gpus"]}
        ranks.append({"ids": ids, "state": "offline", "properties": ["burst"], **shape})
        slots.append({"name": f"burst-{number}", "ranks": ids, "template": templates[number]["name"]})
    content = {
        "now": NOW,
        "jobs": [*_running(chance), *(_job(number, chance) for number in range(size))],
        "ranks": ranks,
        "slots": slots,
        "templates": templates,
        "history": [_experience(chance) for _ in range(200)],
        "policy": {"backfill": backfill, "cap_usd_per_day": 5000},
    }
    file = parse_snapshot_file(json.dumps(content))
    policy = file.policy.policy()
    return read_snapshot(file, policy), policy, file.now


def _template(number, chance):
    return {
        "name": f"t{number}",
        "cores": chance.choice([8, 16, 32]),
        "gpus": chance.choice([0, 0, 4]),
        "memory_mib": chance.choice([16_000, 64_000, 256_000]),
        "price_usd_per_h": round(chance.uniform(0.1, 5), 2),
        "zones": ["z-a", "z-b", "z-c"],
    }


def _running(chance):
    for rank in range(64):
        ends = {"started_at": NOW - 1000, "duration_s": 1000 + chance.uniform(60, 9000)}
        yield {"id": f"r{rank}", "state": "RUNNING", "ranks": str(rank), "nodes": 1, "cores": 16, **ends}


def _job(number, chance):
    nodes = chance.choice([None, 1, 1, 2, 4, 8, 16])
    cores = chance.choice([1, 4, 8, 16])
    is_odd = number % 2
    return {
        "id": number,
        "submitted_at": NOW - chance.uniform(10, 5000),
        "urgency": chance.choice([16, 16, 16, 20]),
        "burstable": chance.choice([1, 1, 1, 0]),
        "nodes": nodes,
        "cores": cores * (nodes or (chance.randrange(1, 64) if is_odd else 4)),
        "cores_per_node": cores if nodes else None,
        "memory_mib_per_node": chance.choice([None, 8000, 100_000]),
        "duration_s": chance.uniform(60, 20_000) if is_odd else chance.choice([None, 600, 3600]),
        "requires": chance.choice([[], [], ["burst"]]),
    }


def _experience(chance):
    took = {"create_s": chance.uniform(200, 500), "join_s": 20.0, "outcome": "ok"}
    return {"template": f"t{chance.randrange(50)}", "zone": "z-a", "at": NOW - chance.uniform(0, 9e5), **took}
