import pytest

from overspill_shared.errors import CapacityUnavailable, NotYet, PermissionDenied, Unavailable
from overspill_shared.messages import EventKind
from overspill_shared.reporting import Reporter, Subject

BURST = "0123456789abcdef" * 2


@pytest.fixture
def reporter(burst_request, publisher, clock):
    return Reporter(Subject.of(burst_request()), publisher, clock)


def test_report_event_names_the_burst_and_the_time(reporter, burst_request, publisher, clock):
    request = burst_request()

    reporter.report(EventKind.READY, detail={"nodes": 4})

    (event,) = publisher.events
    assert (event.burst_id, event.lead, event.deployment) == (request.burst_id, request.lead.id, request.deployment)
    assert (event.generation, event.revision) == (request.generation, request.revision)
    assert event.kind is EventKind.READY
    assert event.detail == {"nodes": 4}
    assert event.occurred_at == clock.now()
    assert event.error is None


def test_report_twice_in_one_delivery_is_published_once(reporter, publisher):
    reporter.report(EventKind.READY)
    reporter.report(EventKind.READY)
    reporter.report(EventKind.REMOVED)

    assert publisher.kinds == ["ready", "removed"]


def test_report_in_another_delivery_has_the_same_event_id(reporter, burst_request, publisher, clock):
    reporter.report(EventKind.READY)
    clock.sleep(60)
    Reporter(Subject.of(burst_request()), publisher, clock).report(EventKind.READY)

    first, second = publisher.events
    assert first.event_id == second.event_id


def test_report_error_carries_class_code_text_and_remedy(reporter, publisher):
    reporter.report(EventKind.FAILED, error=CapacityUnavailable("no nodes.", remedy="Wait."))

    error = publisher.events[0].error
    assert (error.error_class, error.code, error.text, error.remedy) == ("capacity", "stockout", "no nodes.", "Wait.")


def test_report_of_two_errors_gives_two_events(reporter, publisher):
    reporter.report(EventKind.FAILED, error=CapacityUnavailable("a"))
    reporter.report(EventKind.FAILED, error=PermissionDenied("b"))

    first, second = publisher.events
    assert first.event_id != second.event_id


@pytest.mark.parametrize("error", [Unavailable("no answer."), PermissionDenied("no right.")])
def test_report_that_cannot_be_published_makes_the_message_come_again(reporter, publisher, faults, error):
    faults.order("publish", error)

    with pytest.raises(NotYet, match="ready"):
        reporter.report(EventKind.READY)
    reporter.report(EventKind.READY)

    assert publisher.kinds == ["ready"]


def test_subject_of_teardown_request_is_the_same_burst(burst_request, teardown_request):
    assert Subject.of(teardown_request()) == Subject.of(burst_request())


def test_subject_of_attributes_that_name_lead_and_burst():
    subject = Subject.of_attributes({"lead": "lead", "burst_id": BURST}, deployment="prod")

    assert subject == Subject(burst_id=BURST, deployment="prod", lead="lead")


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"lead": "lead"},
        {"burst_id": BURST},
        {"lead": "Not A Name", "burst_id": BURST},
        {"lead": "lead", "burst_id": "short"},
        {"lead": "lead", "burst_id": BURST + "\n"},
        {"lead": "lead", "burst_id": BURST, "deployment": "Not A Name"},
    ],
)
def test_subject_of_attributes_that_do_not_is_none(attributes):
    assert Subject.of_attributes(attributes, deployment="prod") is None
