"""What the doctor learns of the agent's rights: from each Pub/Sub that knows none, and from one that does."""

from __future__ import annotations

import uuid
from concurrent import futures

import grpc
import pytest
from google.iam.v1 import iam_policy_pb2, iam_policy_pb2_grpc
from google.protobuf import empty_pb2

from overspill_agent.doctor import pubsub_probe
from overspill_agent.doctor.examination import Access
from overspill_shared import names

ALL = [*(f"topics/{name}" for name in pubsub_probe.PUBLISHED_TO), "subscriptions/overspill-events-lead"]


def access_by_name(rights):
    return {resource.path.split("/", 2)[2]: resource.access for resource in rights.resources}


def test_probe_of_an_emulator_tells_what_exists(backend, pubsub, monkeypatch):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", backend.address)
    project = f"p-{uuid.uuid4().hex[:12]}"
    topics = [f"projects/{project}/topics/{name}" for name in (names.TOPIC_REQUESTS, names.TOPIC_LEASES)]
    for topic in topics:
        pubsub.publisher.create_topic(name=topic)
    pubsub.make_subscription(topics[0], name=f"projects/{project}/{ALL[-1]}")

    rights = pubsub_probe.probe(project, "lead", is_emulator=True)
    for topic in topics:
        pubsub.publisher.delete_topic(topic=topic)

    assert rights.is_emulator
    assert access_by_name(rights) == {
        "topics/overspill-requests": Access.EXISTS,
        "topics/overspill-teardowns": Access.MISSING,
        "topics/overspill-leases": Access.EXISTS,
        "subscriptions/overspill-events-lead": Access.EXISTS,
    }


class Rights(iam_policy_pb2_grpc.IAMPolicyServicer):
    """Grants by resource; what is not told of, Google answers with no rights at all."""

    def __init__(self, granted, existing, *, failure=None):
        self.granted, self.existing, self.failure = granted, existing, failure
        self.asked = []

    def TestIamPermissions(self, request, context):  # noqa: N802 - gRPC's name
        self.asked.append((request.resource, *request.permissions))
        if self.failure is not None:
            context.abort(self.failure, "no")
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=self.granted.get(request.resource, ()))

    def get(self, request, context):
        # The first field of both requests is the resource's name.
        path = request[2:].decode()
        if path not in self.existing:
            context.abort(grpc.StatusCode.NOT_FOUND, "there is none")
        return empty_pb2.Empty()


@pytest.fixture
def serve(monkeypatch):
    """Give a function that serves rights as Google's Pub/Sub does."""
    servers = []

    def serve(rights):
        server = grpc.server(futures.ThreadPoolExecutor(2))
        iam_policy_pb2_grpc.add_IAMPolicyServicer_to_server(rights, server)
        method = grpc.unary_unary_rpc_method_handler(rights.get, response_serializer=empty_pb2.Empty.SerializeToString)
        for service, name in (("Publisher", "GetTopic"), ("Subscriber", "GetSubscription")):
            handler = grpc.method_handlers_generic_handler(f"google.pubsub.v1.{service}", {name: method})
            server.add_generic_rpc_handlers((handler,))
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
        server.start()
        servers.append(server)
        return pubsub_probe.probe("p", "lead", is_emulator=False)

    yield serve
    for server in servers:
        server.stop(None).wait()


def test_probe_of_google_tells_refused_from_missing(serve):
    requests, teardowns, leases, events = (f"projects/p/{name}" for name in ALL)
    rights = Rights(
        {requests: ["pubsub.topics.publish"], events: ["pubsub.subscriptions.consume"], leases: ["pubsub.topics.get"]},
        existing={requests, leases, events},
    )

    assert access_by_name(serve(rights)) == {
        "topics/overspill-requests": Access.GRANTED,
        "topics/overspill-teardowns": Access.MISSING,
        "topics/overspill-leases": Access.REFUSED,
        "subscriptions/overspill-events-lead": Access.GRANTED,
    }
    assert rights.asked == [
        *((topic, "pubsub.topics.publish") for topic in (requests, teardowns, leases)),
        (events, "pubsub.subscriptions.consume"),
    ]


@pytest.mark.parametrize(
    ("failure", "access"),
    [(grpc.StatusCode.PERMISSION_DENIED, Access.REFUSED), (grpc.StatusCode.INTERNAL, Access.UNKNOWN)],
)
def test_probe_that_fails_says_why(serve, failure, access):
    found = serve(Rights({}, existing=(), failure=failure)).resources

    assert {resource.access for resource in found} == {access}
    assert all("no" in resource.detail for resource in found)


def test_probe_without_credentials_is_skipped_with_the_reason(monkeypatch, tmp_path):
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))

    rights = pubsub_probe.probe("p", "lead", is_emulator=False)

    assert rights.resources == ()
    assert "No Google credentials" in rights.skipped
