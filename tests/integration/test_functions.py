import json

import pytest

from overspill_local.topics import Redelivery
from overspill_shared import names
from overspill_shared.wire_format import encode


def test_burst_requested_and_torn_down_leaves_nothing(cloud, request_here, teardown_of):
    request = request_here()
    cloud.publish(request)
    kinds = cloud.wait_for_kind(request.burst_id, "ready")
    assert kinds == ["accepted", "cluster-creating", "cluster-running", "minicluster-created", "ready"]
    cloud.publish(teardown_of(request))
    cloud.wait_for_kind(request.burst_id, "removed")
    assert names.cluster_name(request.burst_id) not in cloud.clusters()
    receipt = cloud.event_of(request.burst_id, "removed").receipt
    assert receipt.clusters_left == ()


def test_request_delivered_many_times_makes_one_cluster(cloud, request_here, teardown_of):
    request = request_here()
    for _ in range(5):
        cloud.publish(request)
    cloud.wait_for_kind(request.burst_id, "ready", times=5)
    assert cloud.creates(names.cluster_name(request.burst_id)) == 1
    ready = {e.event_id for e in cloud.events() if e.burst_id == request.burst_id and e.kind == "ready"}
    assert len(ready) == 1, "a repetition must be recognisable"
    cloud.publish(teardown_of(request))
    cloud.wait_for_kind(request.burst_id, "removed")


def test_request_delivered_after_its_teardown_resurrects_nothing(cloud, request_here, teardown_of):
    request = request_here()
    cloud.publish(request)
    cloud.wait_for_kind(request.burst_id, "ready")
    cloud.publish(teardown_of(request))
    cloud.wait_for_kind(request.burst_id, "removed")
    cloud.publish(request)
    other = request_here()
    cloud.publish(other)
    cloud.wait_for_kind(other.burst_id, "ready")
    assert cloud.creates(names.cluster_name(request.burst_id)) == 1
    assert names.cluster_name(request.burst_id) not in cloud.clusters()
    cloud.publish(teardown_of(other))
    cloud.wait_for_kind(other.burst_id, "removed")


def test_teardown_during_provision_ends_clean(cloud, request_here, teardown_of):
    request = request_here()
    cloud.publish(request)
    cloud.wait_for_kind(request.burst_id, "cluster-creating")
    cloud.publish(teardown_of(request))
    cloud.wait_for_kind(request.burst_id, "removed")
    cloud.wait_until(lambda: names.cluster_name(request.burst_id) not in cloud.clusters(), "an end")


def test_teardown_of_a_burst_that_never_was_is_confirmed(cloud, request_here, teardown_of):
    request = request_here()
    cloud.publish(teardown_of(request))
    cloud.wait_for_kind(request.burst_id, "removed")
    assert cloud.creates(names.cluster_name(request.burst_id)) == 0


def test_two_bursts_at_once_do_not_meet(cloud, request_here, teardown_of):
    requests = [request_here(), request_here()]
    for request in requests:
        cloud.publish(request)
    for request in requests:
        cloud.wait_for_kind(request.burst_id, "ready")
    assert len({names.cluster_name(request.burst_id) for request in requests} & set(cloud.clusters())) == 2
    for request in requests:
        cloud.publish(teardown_of(request))
    for request in requests:
        cloud.wait_for_kind(request.burst_id, "removed")


def test_provision_killed_midway_ends_ready(cloud, request_here, teardown_of):
    request = request_here()
    cloud.publish(request)
    cloud.wait_for_kind(request.burst_id, "cluster-creating")
    cloud.kill("functions-framework", "provision")
    cloud.wait_for_kind(request.burst_id, "ready")
    assert cloud.creates(names.cluster_name(request.burst_id)) == 1
    cloud.publish(teardown_of(request))
    cloud.wait_for_kind(request.burst_id, "removed")


def test_message_that_is_not_json_is_dead_lettered_once_with_its_reason(cloud, request_here):
    request = request_here()
    attributes = encode(request)[1]
    cloud.publish_raw(names.TOPIC_REQUESTS, b"{not json", attributes)
    event = cloud.event_of(request.burst_id, "rejected")
    assert event.error.code == "not-json"
    assert event.error.remedy
    cloud.wait_until(lambda: _dead(cloud, b"{not json"), "the dead letter")
    assert "not JSON" in _dead(cloud, b"{not json")[0].attributes["dead_letter_reason"]
    assert len(_dead(cloud, b"{not json")) == 1


def test_request_of_an_unknown_schema_version_is_rejected_and_dead_lettered(cloud, request_here):
    request = request_here()
    body, attributes = encode(request)
    content = json.loads(body) | {"schema_version": "2.0"}
    cloud.publish_raw(names.TOPIC_REQUESTS, json.dumps(content).encode(), attributes)
    event = cloud.event_of(request.burst_id, "rejected")
    assert "schema_version" in event.error.text
    assert "release" in event.error.remedy
    cloud.wait_until(lambda: _dead(cloud, json.dumps(content).encode()), "the dead letter")
    assert cloud.creates(names.cluster_name(request.burst_id)) == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"slot": {"size": 1000, "hosts": "burst-0-[0-999]"}, "size": 1000}, "size", id="a thousand nodes"),
        pytest.param({"slot": {"name": "burst-9", "hosts": "burst-9-[0-3]"}}, "broker_toml", id="slot not declared"),
        pytest.param({"size": 5}, "size", id="larger than its slot"),
        pytest.param({"deployment": "other"}, "deployment", id="another deployment"),
    ],
)
def test_request_that_must_not_be_fulfilled_is_rejected_naming_the_field(cloud, request_here, changes, field):
    request = request_here(**changes)
    cloud.publish(request)
    error = cloud.event_of(request.burst_id, "rejected").error
    assert field in error.text
    assert error.remedy
    assert cloud.creates(names.cluster_name(request.burst_id)) == 0


def test_handler_that_raises_ends_in_the_dead_letter_topic_by_redelivery(start_cloud, burst_request):
    redelivery = Redelivery(min_backoff_s=0.1, max_backoff_s=0.5, max_attempts=5)
    with start_cloud(function_environ={"OVERSPILL_MAX_NODES_PER_BURST": "many"}, redelivery=redelivery) as cloud:
        request = burst_request(deployment="default")
        cloud.publish(request)
        cloud.wait_until(lambda: cloud.dead_letters(names.TOPIC_REQUESTS), "the dead letter")
        (letter,) = cloud.dead_letters(names.TOPIC_REQUESTS)
        assert letter.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
        assert "dead_letter_reason" not in letter.attributes
        assert cloud.clusters() == ()


def _dead(cloud, body):
    return [letter for letter in cloud.dead_letters(names.TOPIC_REQUESTS) if letter.data == body]


def test_burst_grows_with_its_node_pool(cloud, request_here, teardown_of):
    request = request_here()
    cloud.publish(request)
    cloud.wait_for_kind(request.burst_id, "ready")
    name = names.cluster_name(request.burst_id)
    store = cloud.cloud.kubernetes_store(name)

    cloud.publish(request.model_copy(update={"revision": 2, "size": 4}))

    cloud.wait_for_kind(request.burst_id, "ready", times=2)
    assert "resized" in cloud.kinds(request.burst_id)
    nodes = [node["metadata"]["name"] for node in store.list_objects(store.resources.find_kind("v1", "Node"))]
    assert nodes == [f"gke-{name}-burst-{index}" for index in range(4)] + [f"gke-{name}-system-0"]
    cloud.publish(teardown_of(request))
    cloud.wait_for_kind(request.burst_id, "removed")
