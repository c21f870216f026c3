import base64
import json
import logging

import pytest

from overspill_shared.delivery import Asking, Inbox, Telling
from overspill_shared.errors import NotYet, RequestRefused, Unavailable
from overspill_shared.log import current_burst
from overspill_shared.messages import BurstRequest, LeaseRenewal, Sweep, TeardownRequest
from overspill_shared.wire_format import encode

BURST = "0123456789abcdef" * 2


@pytest.fixture
def inbox(publisher, clock):
    return Inbox(deployment="prod", publisher=publisher, clock=clock)


def push(body: bytes, **attributes):
    return {"message": {"data": base64.b64encode(body).decode(), "attributes": attributes, "messageId": "7"}}


def never(message, reporter):
    raise AssertionError("must not be handled")


def test_deliver_readable_message_is_handled_with_its_burst_on_each_line(inbox, burst_request):
    request = burst_request()
    seen = []

    inbox.deliver(BurstRequest, push(encode(request)[0]), lambda message, _: seen.append((message, current_burst())))

    assert seen == [(request, request.burst_id)]
    assert current_burst() is None


def test_deliver_refused_message_is_rejected_and_acked(inbox, publisher, teardown_request):
    def refuse(message, reporter):
        raise RequestRefused("size is 1000, the limit is 64.", code="max-nodes-per-burst")

    inbox.deliver(TeardownRequest, push(encode(teardown_request())[0]), refuse)

    (event,) = publisher.events
    assert event.kind.value == "rejected"
    assert (event.error.code, event.error.error_class) == ("max-nodes-per-burst", "config")
    assert publisher.dead_letters == []


def test_deliver_not_yet_comes_again(inbox, publisher, burst_request):
    def too_early(message, reporter):
        raise NotYet("the cluster is on its way")

    with pytest.raises(NotYet):
        inbox.deliver(BurstRequest, push(encode(burst_request())[0]), too_early)

    assert publisher.events == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not-json"),
        (b"[]", "not-an-object"),
        (b'{"schema_version": "2.0"}', "unknown-schema-version"),
        (b'{"schema_version": "1.0"}', "wrong-fields"),
    ],
)
def test_deliver_unreadable_message_is_rejected_and_dead_lettered_once(inbox, publisher, caplog, body, code):
    attributes = {"lead": "lead", "burst_id": BURST, "deployment": "other"}

    with caplog.at_level(logging.ERROR, "overspill_shared"):
        inbox.deliver(BurstRequest, push(body, **attributes), never)

    (event,) = publisher.events
    assert (event.kind.value, event.burst_id, event.lead, event.deployment) == ("rejected", BURST, "lead", "other")
    assert event.error.code == code
    ((topic, forwarded, kept, reason),) = publisher.dead_letters
    assert (topic, forwarded, kept) == ("overspill-requests", body, attributes)
    assert event.error.text in reason
    assert [record.message for record in caplog.records] == ["message.malformed"]


def test_deliver_unreadable_message_of_nobody_is_dead_lettered_only(inbox, publisher):
    inbox.deliver(TeardownRequest, push(b"?"), never)

    assert publisher.events == []
    assert [topic for topic, *_ in publisher.dead_letters] == ["overspill-teardowns"]


def test_deliver_no_push_message_is_dead_lettered_as_it_came(inbox, publisher):
    inbox.deliver(BurstRequest, {"something": "else"}, never)

    ((_, body, attributes, reason),) = publisher.dead_letters
    assert json.loads(body) == {"something": "else"}
    assert attributes == {}
    assert "Pub/Sub" in reason


def test_deliver_unreadable_message_whose_event_fails_is_still_forwarded_once(inbox, publisher, faults):
    content = push(b"?", lead="lead", burst_id=BURST)
    faults.order("publish", Unavailable("no answer."))

    with pytest.raises(NotYet):
        inbox.deliver(BurstRequest, content, never)
    assert publisher.dead_letters == []
    inbox.deliver(BurstRequest, content, never)

    assert (len(publisher.events), len(publisher.dead_letters)) == (1, 1)


@pytest.fixture
def heard():
    """Give what each of three routes was handed, by the kind of message."""
    return {TeardownRequest: [], LeaseRenewal: [], Sweep: []}


@pytest.fixture
def routes(heard):
    return (
        Asking(model=TeardownRequest, handle=lambda message, reporter: heard[TeardownRequest].append(message)),
        Telling(model=LeaseRenewal, handle=heard[LeaseRenewal].append),
        Telling(model=Sweep, handle=heard[Sweep].append),
    )


@pytest.fixture(params=["kind and topic", "kind", "topic"])
def told_by(request):
    """Give a function that tells of a message what one delivery tells: (attributes, topic)."""

    def tell(message):
        attributes = encode(message)[1]
        if request.param == "topic":
            del attributes["kind"]
        return attributes, "" if request.param == "kind" else message.topic

    return tell


def test_deliver_one_of_takes_each_message_to_its_own_handler(
    inbox, routes, heard, told_by, teardown_request, lease_renewal
):
    for message in (teardown_request(), lease_renewal(), Sweep()):
        attributes, topic = told_by(message)

        inbox.deliver_one_of(routes, push(encode(message)[0], **attributes), topic=topic)

        assert heard.pop(type(message)) == [message]
        assert not any(heard.values())
        heard[type(message)] = []


# kind, topic that it came by -> topic whose dead-letter topic it goes to
WRONG_KINDS = [
    pytest.param(("BurstRequest", "overspill-sweeps", "overspill-sweeps"), id="a kind that is not served"),
    pytest.param(("TeardownRequest", "overspill-leases", "overspill-leases"), id="another topic's kind"),
    pytest.param(("Sweep", "overspill-teardowns", "overspill-teardowns"), id="a sweep among teardowns"),
    pytest.param(("Sweep", "overspill-requests", "overspill-teardowns"), id="a topic that is not served"),
    pytest.param((None, "", "overspill-teardowns"), id="nothing says what it is"),
    pytest.param(("ready", "", "overspill-teardowns"), id="an event"),
]


@pytest.mark.parametrize("case", WRONG_KINDS)
def test_deliver_one_of_a_wrong_kind_is_dead_lettered_with_what_would_be_right(inbox, routes, heard, publisher, case):
    kind, topic, dead = case
    content = push(encode(Sweep())[0], **({"kind": kind} if kind else {}))

    inbox.deliver_one_of(routes, content, topic=topic)

    ((found, _, _, reason),) = publisher.dead_letters
    assert found == dead
    assert "LeaseRenewal to overspill-leases" in reason
    assert not any(heard.values())


def test_deliver_one_of_a_renewal_that_nobody_can_read_tells_its_agent_nothing(inbox, routes, publisher, lease_renewal):
    attributes = encode(lease_renewal())[1]

    inbox.deliver_one_of(routes, push(b"?", **attributes))

    assert publisher.events == [], "`rejected` would end the burst at the agent"
    assert [topic for topic, *_ in publisher.dead_letters] == ["overspill-leases"]


def test_deliver_one_of_a_message_that_tells_and_is_refused_is_only_logged(inbox, publisher, lease_renewal, caplog):
    def refuse(message):
        raise RequestRefused("no.", code="because")

    body, attributes = encode(lease_renewal())
    inbox.deliver_one_of((Telling(model=LeaseRenewal, handle=refuse),), push(body, **attributes))

    assert [(record.message, record.code) for record in caplog.records] == [("message.refused", "because")]
    assert publisher.events == publisher.dead_letters == []


def test_deliver_one_of_puts_the_burst_of_a_renewal_on_each_line(inbox, lease_renewal):
    seen = []
    route = Telling(model=LeaseRenewal, handle=lambda message: seen.append(current_burst()))

    inbox.deliver_one_of((route,), push(encode(lease_renewal())[0]))

    assert seen == [lease_renewal().burst_id]
