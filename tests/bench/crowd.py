"""Fifty bursts at once through both functions at three instances each, whose surplus is answered 429."""

import asyncio
import re
import time
from pathlib import Path

from tests.conftest import make_burst_request

from overspill_local.cloud import PROJECT, EmbeddedCloud
from overspill_local.cloud_options import CloudOptions
from overspill_local.topics import Redelivery, publisher_client
from overspill_shared import names, sealing
from overspill_shared.messages import TeardownRequest
from overspill_shared.secrets import Secret
from overspill_shared.wire_format import encode

BURSTS = 50
INSTANCES = 3
DEADLINE_S = 600
KEYS = sealing.Keys(curve_cert=Secret(b"a certificate"))


def run():
    return asyncio.run(_run())


async def _run():
    options = CloudOptions(
        flux="stand-in",
        create_s=0.5,
        delete_s=0.1,
        poll_s=0.1,
        max_instances=INSTANCES,
        redelivery=Redelivery(min_backoff_s=0.1, max_backoff_s=1, max_attempts=100),
        function_environ={"OVERSPILL_MAX_BURSTS": str(BURSTS)},
    )
    async with EmbeddedCloud(options) as cloud:
        requests = [_request(cloud, number) for number in range(1, BURSTS + 1)]
        ready_s = await _publish_and_wait(cloud, requests, "ready")
        made = [_count(cloud, "cluster.provisioning", cluster=names.cluster_name(r.burst_id)) for r in requests]
        removed_s = await _publish_and_wait(cloud, [_teardown_of(request) for request in requests], "removed")
        return {
            "bursts": BURSTS,
            "instances": INSTANCES,
            "all_ready_s": round(ready_s, 2),
            "ready_per_s": round(BURSTS / ready_s, 2),
            "all_removed_s": round(removed_s, 2),
            "made_once": made == [1] * BURSTS,
            "clusters_left": len(cloud.clusters_left()),
            "answered_429": _count(cloud, "delivery.surplus"),
            "dead_lettered": sum(
                event.name == "message.published" and event.facts["topic"].endswith("-dead")
                for event in cloud.timeline.events
            ),
            "peak_rss_mb": {name: _peak_rss_mb(cloud, name) for name in ("provision", "teardown")},
        }


def _request(cloud, generation):
    now = time.time()
    return make_burst_request(
        cloud.environ()["OVERSPILL_PUBLIC_KEY"],
        KEYS,
        deployment="default",
        generation=generation,
        size=1,
        lead={"host": "127.0.0.1", "port": 9},
        requested_at=now,
        deadline_at=now + DEADLINE_S,
        expires_at=now + DEADLINE_S,
        hard_end_at=now + 3600,
    )


def _teardown_of(request):
    about = {"burst_id": request.burst_id, "generation": request.generation, "deployment": request.deployment}
    return TeardownRequest(
        **about, lead=request.lead.id, zone=request.zone, reason="operator", requested_at=time.time()
    )


async def _publish_and_wait(cloud, messages, kind):
    """Publish all at once; gives the seconds until each burst had an event of the kind."""
    began = time.monotonic()
    publisher = publisher_client(cloud.endpoints["pubsub"])
    for message in messages:
        body, attributes = encode(message)
        path = f"projects/{PROJECT}/topics/{message.topic}"
        await asyncio.to_thread(publisher.publish, topic=path, messages=[{"data": body, "attributes": attributes}])
    publisher.transport.close()
    waiting = {message.burst_id for message in messages}
    while waiting := waiting - {
        event.facts.get("burst_id") for event in cloud.timeline.events if event.facts.get("kind") == kind
    }:
        if time.monotonic() - began > DEADLINE_S:
            raise TimeoutError(f"{len(waiting)} bursts are not {kind}")
        await asyncio.sleep(0.05)
    return time.monotonic() - began


def _count(cloud, name, **facts):
    return sum(event.name == name and event.has(facts) for event in cloud.timeline.events)


def _peak_rss_mb(cloud, function):
    """Give the most that a process of the function ever held, its workers among them."""
    found = [p for p in cloud.supervisor.found() if "functions-framework" in p.cmdline and function in p.cmdline]
    peaks = (re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{p.pid}/status").read_text()) for p in found)
    return round(max(int(peak[1]) for peak in peaks if peak) / 1024, 1)
