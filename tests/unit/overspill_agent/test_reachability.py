import logging
import socket

import pytest

from overspill_agent.reachability import start_check, why_unreachable
from overspill_shared.messages import Lead

LOGGER = "overspill_agent.reachability"


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def free_port():
    with socket.socket() as held:
        # Bound, but nobody listens.
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def checked(port, host="127.0.0.1"):
    lead = Lead(id="lead", host=host, port=port, name="lead-0", size=2)
    thread = start_check(lead, timeout_s=2)
    thread.join(10)
    assert not thread.is_alive()


def test_address_that_answers_is_no_remark(listener, caplog):
    with caplog.at_level(logging.DEBUG, LOGGER):
        checked(listener)

    assert why_unreachable("127.0.0.1", listener) is None
    assert caplog.records == []


def test_address_that_does_not_answer_is_a_warning_with_the_reason(free_port, caplog):
    with caplog.at_level(logging.DEBUG, LOGGER):
        checked(free_port)

    (record,) = caplog.records
    assert (record.levelname, record.message) == ("WARNING", "lead.unreachable-from-here")
    assert (record.lead_host, record.lead_port, record.error) == ("127.0.0.1", free_port, "Connection refused")
    assert "lead_host" in record.remedy


@pytest.mark.parametrize("host", ["a" * 64 + ".invalid", "x..y"])
def test_name_that_nobody_knows_is_a_reason(host):
    assert why_unreachable(host, 1, timeout_s=2)
