"""Many bursts, and many hands on one burst: everything at the same moment."""

import json
import threading
import urllib.request
from base64 import b64encode
from pathlib import Path

import pytest

from overspill_local.free_port import free_port
from overspill_local.function_processes import provision
from overspill_local.readiness import http_answers
from overspill_local.topics import Redelivery
from overspill_shared import names
from overspill_shared.wire_format import encode

CROWD = 12


@pytest.fixture
def twin(cloud):
    """Give the URL of a second process of the provision function, beside the first."""
    first = next(
        p.pid for p in cloud.cloud.supervisor.found() if "functions-framework" in p.cmdline and "provision" in p.cmdline
    )
    variables = Path(f"/proc/{first}/environ").read_text().split("\0")
    environ = dict(variable.split("=", 1) for variable in variables if "=" in variable)
    function = provision(free_port())
    started = cloud.cloud.supervisor.start(
        f"function-twin-{function.port}",
        function.argv(),
        env=function.environ(environ),
        ready=http_answers("127.0.0.1", function.port),
    )
    cloud.call(started)
    return function.url


def push(url, message, answers):
    body, attributes = encode(message)
    envelope = {"message": {"data": b64encode(body).decode(), "attributes": attributes, "messageId": "1"}}
    content = json.dumps({**envelope, "subscription": "projects/p/subscriptions/s"}).encode()
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        answers.append(answer.status)


def test_two_processes_provision_the_same_burst_at_once_and_make_one_cluster(cloud, request_here, teardown_of, twin):
    request = request_here()
    answers = []
    pushes = [
        threading.Thread(target=push, args=(url, request, answers))
        for url in (cloud.cloud.endpoints["provision"], twin) * 2
    ]
    for thread in pushes:
        thread.start()
    for thread in pushes:
        thread.join(60)

    assert [status // 100 for status in answers] == [2] * 4
    assert cloud.creates(names.cluster_name(request.burst_id)) == 1
    ready = [e.event_id for e in cloud.events() if e.burst_id == request.burst_id and e.kind == "ready"]
    assert len(ready) == 4
    assert len(set(ready)) == 1
    cloud.publish(teardown_of(request))
    cloud.wait_for_kind(request.burst_id, "removed")


@pytest.mark.parametrize("stage", ["accepted", "cluster-running", "minicluster-created"])
def test_teardown_at_any_stage_of_a_provision_ends_clean(cloud, request_here, teardown_of, stage):
    request = request_here()
    cloud.publish(request)
    cloud.wait_for_kind(request.burst_id, stage)
    cloud.publish(teardown_of(request))
    cloud.wait_for_kind(request.burst_id, "removed")
    cloud.publish(teardown_of(request))  # as an agent does that hears of work after the end
    cloud.wait_for_kind(request.burst_id, "removed", times=2)
    cloud.wait_until(lambda: names.cluster_name(request.burst_id) not in cloud.clusters(), "an end")
    assert cloud.creates(names.cluster_name(request.burst_id)) <= 1


def test_request_redelivered_while_its_burst_is_removed_makes_nothing(start_cloud, burst_request, teardown_of):
    with start_cloud(delete_s=1) as cloud:
        cloud.make_tap()
        request = cloud.for_here(burst_request(**cloud.now_and_here()))
        cloud.publish(request)
        cloud.wait_for_kind(request.burst_id, "ready")
        cloud.publish(teardown_of(request))
        cloud.wait_for_kind(request.burst_id, "removing")
        cloud.publish(request)
        cloud.wait_for_kind(request.burst_id, "failed")
        cloud.wait_for_kind(request.burst_id, "removed")

        assert cloud.event_of(request.burst_id, "failed").error.code == "name-being-deleted"
        assert cloud.creates(names.cluster_name(request.burst_id)) == 1
        assert cloud.clusters() == ()


def test_crowd_of_bursts_at_few_instances_is_ready_each_once_and_none_is_dead_lettered(
    start_cloud, burst_request, teardown_of
):
    redelivery = Redelivery(min_backoff_s=0.1, max_backoff_s=1, max_attempts=100)
    environ = {"OVERSPILL_MAX_BURSTS": str(CROWD)}
    with start_cloud(max_instances=3, redelivery=redelivery, function_environ=environ) as cloud:
        cloud.make_tap()
        requests = [
            cloud.for_here(burst_request(**cloud.now_and_here(generation=number))) for number in range(1, CROWD + 1)
        ]
        for request in requests:
            cloud.publish(request)
        for request in requests:
            cloud.wait_for_kind(request.burst_id, "ready")
        surplus = sum(event.name == "delivery.surplus" for event in tuple(cloud.cloud.timeline.events))
        made = [cloud.creates(names.cluster_name(request.burst_id)) for request in requests]
        for request in requests:
            cloud.publish(teardown_of(request))
        for request in requests:
            cloud.wait_for_kind(request.burst_id, "removed")

        assert surplus, "the limit was never reached"
        assert made == [1] * CROWD
        assert cloud.clusters() == ()
        assert cloud.dead_letters(names.TOPIC_REQUESTS) == cloud.dead_letters(names.TOPIC_TEARDOWNS) == []
