import pytest
from google.api_core import exceptions as google_errors
from tests.unit.overspill_agent.examples import make_burst, make_event

from overspill_agent.pubsub_events import stream_error, take_message
from overspill_shared.errors import NotFound, PermissionDenied, Unavailable
from overspill_shared.wire_format import encode

PATH = "projects/demo/subscriptions/overspill-events-lead"


class Message:
    """What of a Pub/Sub message is used."""

    message_id = "17"

    def __init__(self, data):
        self.data = data
        self.acks = 0

    def ack(self):
        self.acks += 1


@pytest.fixture
def offered():
    return []


@pytest.fixture
def take(offered):
    return lambda message: take_message(message, lambda event, ack: offered.append((event, ack)))


def test_take_message_offers_the_event_and_leaves_the_ack_to_who_takes_it(take, offered):
    event = make_event(make_burst(), "failed")
    message = Message(encode(event)[0])

    take(message)

    ((taken, ack),) = offered
    assert taken == event
    assert message.acks == 0
    ack()
    assert message.acks == 1


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"hello", "not JSON"),
        (b"\xff", "not JSON"),
        (b"{}", "schema_version"),
        (b'{"schema_version": "2.0"}', "reads 1.0"),
        (b'{"schema_version": "1.0", "kind": "exploded"}', "kind"),
    ],
    ids=["no JSON", "no text", "no version", "another major version", "wrong fields"],
)
def test_take_message_that_cannot_be_read_is_logged_and_acked(take, offered, caplog, data, told):
    message = Message(data)

    take(message)

    assert (offered, message.acks) == ([], 1)
    (record,) = caplog.records
    assert (record.levelname, record.message, record.message_id) == ("ERROR", "event.malformed", "17")
    assert told in record.error


@pytest.mark.parametrize(
    ("error", "expected", "text", "remedy"),
    [
        (google_errors.NotFound("x"), NotFound, f"no subscription {PATH}", "`leads`"),
        (google_errors.PermissionDenied("no"), PermissionDenied, f"{PATH}: no.", "roles/pubsub.subscriber"),
        (google_errors.Unauthenticated("who"), Unavailable, "401 who", "connects again"),
        (RuntimeError("broken"), Unavailable, "broken", "connects again"),
    ],
    ids=["no subscription", "no right", "another call error", "another error"],
)
def test_stream_error_says_what_ended_it_and_what_to_do(error, expected, text, remedy):
    translated = stream_error(error, PATH)

    assert type(translated) is expected
    assert text in translated.text
    assert remedy in translated.remedy
