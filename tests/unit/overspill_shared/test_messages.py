import pytest
from pydantic import ValidationError

from overspill_shared import messages as m
from overspill_shared import names
from overspill_shared.errors import OverspillError


def test_attributes_name_deployment_lead_burst_and_kind(burst_request, burst_event):
    request, event = burst_request(), burst_event(kind="failed")
    same = {"schema_version": "1.0", "deployment": "prod", "lead": "lead", "burst_id": request.burst_id}

    assert request.attributes() == {"kind": "BurstRequest", **same}
    assert event.attributes() == {"kind": "failed", **same}
    assert m.Sweep().attributes() == {"kind": "Sweep", "schema_version": "1.0"}


def test_each_message_has_its_own_topic():
    assert [model.topic for model in m.MESSAGES] == list(names.TOPICS)


def test_event_error_of_a_long_error_fits():
    error = m.event_error(OverspillError("t" * 9000, remedy="r" * 9000, code="c" * 9000))

    assert (len(error.text), len(error.remedy), len(error.code)) == (4000, 2000, 100)


@pytest.mark.parametrize("model", m.MESSAGES, ids=lambda model: model.__name__)
def test_messages_are_frozen(model):
    with pytest.raises(ValidationError, match=r"frozen"):
        model.model_construct().schema_version = "1.1"


def test_event_id_is_the_same_for_the_same_report_only():
    one = m.event_id("a" * 32, m.EventKind.READY, 1)
    others = [
        m.event_id("b" * 32, m.EventKind.READY, 1),
        m.event_id("a" * 32, m.EventKind.FAILED, 1),
        m.event_id("a" * 32, m.EventKind.READY, 2),
        m.event_id("a" * 32, m.EventKind.READY, 1, "again"),
    ]

    assert one == m.event_id("a" * 32, m.EventKind.READY, 1)
    assert len({one, *others}) == 5
