import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_shared.envelope import parse_envelope
from overspill_shared.errors import MalformedMessage


def b64(body: bytes) -> str:
    return base64.b64encode(body).decode()


def test_parse_envelope_push_message_gives_body_attributes_and_id():
    envelope = parse_envelope(
        {
            "message": {"data": b64(b"{}"), "attributes": {"lead": "lead"}, "messageId": "7", "publishTime": "x"},
            "subscription": "projects/p/subscriptions/s",
        }
    )

    assert envelope.body == b"{}"
    assert envelope.attributes == {"lead": "lead"}
    assert envelope.message_id == "7"


def test_parse_envelope_without_attributes_and_data_is_an_empty_message():
    envelope = parse_envelope({"message": {"messageId": "7"}})

    assert (envelope.body, dict(envelope.attributes)) == (b"", {})


@given(st.binary(), st.dictionaries(st.text(), st.text()))
def test_parse_envelope_any_message_comes_out_as_it_went_in(body, attributes):
    envelope = parse_envelope({"message": {"data": b64(body), "attributes": attributes, "messageId": "1"}})

    assert (envelope.body, dict(envelope.attributes)) == (body, attributes)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (None, "no message"),
        ("text", "no message"),
        ({}, "no message"),
        ({"message": "text"}, "no message"),
        ({"message": {"data": 5}}, "message.data"),
        ({"message": {"data": "not base64!"}}, "message.data"),
        ({"message": {"data": "ü"}}, "message.data"),
        ({"message": {"attributes": ["a"]}}, "message.attributes"),
    ],
)
def test_parse_envelope_anything_else_is_malformed(content, named):
    with pytest.raises(MalformedMessage, match=named):
        parse_envelope(content)
