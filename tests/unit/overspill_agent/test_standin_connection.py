import contextlib
import errno
import json
import socket

import pytest

from overspill_agent.standin_connection import StandInConnection, connect
from overspill_shared.errors import ConfigError, FluxError, FluxUnavailable


class Lead:
    """The other end of a connection: says what it is told to, beforehand."""

    def __init__(self):
        self.socket, other = socket.socketpair()
        self.connection = StandInConnection(other, timeout_s=0.2)

    def say(self, *messages):
        self.socket.sendall(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    def heard(self):
        return [json.loads(line) for line in self.socket.recv(100_000).splitlines()]

    def close(self):
        self.socket.close()
        self.connection.close()


@pytest.fixture
def lead():
    with contextlib.closing(Lead()) as both:
        yield both


def event(stream, number):
    return {"id": stream, "event": {"number": number}}


def test_request_is_answered_and_events_meanwhile_are_kept_in_order(lead):
    lead.say(event(9, 1), {"id": 1, "result": {"a": 1}}, event(9, 2))

    assert lead.connection.call("kvs.lookup", {"prefix": "x"}) == {"a": 1}
    assert lead.heard() == [{"id": 1, "method": "kvs.lookup", "params": {"prefix": "x"}}]
    assert lead.connection.pending == 2
    assert [lead.connection.next_event(9) for _ in range(3)] == [{"number": 1}, {"number": 2}, None]


def test_answer_in_pieces_is_put_together(lead):
    whole = json.dumps({"id": 1, "result": {"a": "ƒ"}}, ensure_ascii=False).encode() + b"\n"
    cut = whole.index("ƒ".encode()) + 1
    lead.socket.sendall(whole[:cut])
    lead.connection.read()
    lead.socket.sendall(whole[cut:])

    assert lead.connection.call("job.list") == {"a": "ƒ"}


def test_events_of_earlier_streams_are_dropped(lead):
    lead.say(event(1, 1), event(2, 2), event(1, 3))
    lead.connection.read()

    assert [lead.connection.next_event(2) for _ in range(2)] == [{"number": 2}, None]


def test_refusal_is_raised_in_the_instances_words_unless_it_is_expected(lead):
    refusal = {"errno": errno.ENOENT, "text": "unknown job"}
    lead.say({"id": 1, "error": refusal}, {"id": 2, "error": refusal}, {"id": 3, "error": refusal})

    with pytest.raises(FluxError, match=r"refuses job\.memo: unknown job"):
        lead.connection.call("job.memo")
    assert lead.connection.call("job.memo", absent=frozenset({errno.ENOENT})) == {}
    with pytest.raises(FluxError):
        lead.connection.call("job.memo", absent=frozenset({errno.EINVAL}))


def test_lead_that_hangs_up_is_unavailable(lead):
    lead.socket.close()

    with pytest.raises(FluxUnavailable):
        lead.connection.call("job.list")
    with pytest.raises(FluxUnavailable):
        lead.connection.read()


def test_lead_that_does_not_answer_is_unavailable(lead):
    with pytest.raises(FluxUnavailable, match="timed out"):
        lead.connection.call("job.list")


def test_connection_to_nobody_is_unavailable(tmp_path):
    with pytest.raises(FluxUnavailable, match="No such file or directory"):
        connect(f"standin://{tmp_path}/local")


@pytest.mark.parametrize("uri", ["local:///run/flux/local", "standin://relative", "/run/local"])
def test_address_of_something_else_is_refused(uri):
    with pytest.raises(ConfigError, match="FLUX_URI"):
        connect(uri)
