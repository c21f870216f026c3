import contextlib
import json
import socket
import threading

import pytest

from overspill_agent.standin_connection import StandInConnection
from overspill_agent.standin_instance import parse_event
from overspill_agent.standin_loop import StandInLoop
from overspill_shared.errors import FluxError, FluxUnavailable


class Lead:
    """The other end of a loop's connection."""

    def __init__(self):
        self.socket, other = socket.socketpair()
        self.connection = StandInConnection(other, timeout_s=5)
        self.loop = StandInLoop(self.connection)

    def say(self, *messages):
        self.socket.sendall(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    def close(self):
        self.loop.close()
        self.connection.close()
        self.socket.close()


@pytest.fixture
def lead():
    with contextlib.closing(Lead()) as both:
        yield both


def tell(*numbers, stream=1):
    return [{"id": stream, "event": {"number": number}} for number in numbers]


def cancelled(request_id):
    return {"id": request_id, "result": {}}


def test_events_after_stop_are_not_told(lead):
    lead.say(*tell(1, 2, 3), cancelled(2))
    heard = []

    def on_event(event):
        heard.append(event["number"])
        lead.loop.stop()

    lead.loop.run(on_event)

    assert heard == [1]


def test_next_run_hears_its_own_stream_alone(lead):
    lead.say(*tell(1, 2), cancelled(2))
    lead.loop.run(lambda _: lead.loop.stop())
    lead.say(*tell(3), *tell(4, stream=3), cancelled(4))
    heard = []
    lead.loop.run(lambda event: (heard.append(event["number"]), lead.loop.stop()))

    assert heard == [4]


def test_calls_that_repeat_themselves_do_not_starve_events(lead):
    def again():
        lead.loop.call_soon(again)

    again()
    lead.say(*tell(1), cancelled(2))

    lead.loop.run(lambda _: lead.loop.stop())


def test_events_without_end_do_not_starve_timers_and_calls(lead):
    made = []
    lead.say(*tell(0))

    def on_event(event):
        lead.say(*tell(event["number"] + 1))
        lead.connection.read()

    def expire():
        made.append("timer")
        lead.loop.call_soon(lambda: (made.append("call"), lead.say(cancelled(2)), lead.loop.stop()))

    lead.loop.call_later(0.01, expire)
    lead.loop.run(on_event)

    assert made == ["timer", "call"]


def test_lead_that_goes_away_ends_run_once_what_it_said_is_told(lead):
    lead.say(*tell(1))
    heard = []

    def on_event(event):
        heard.append(event["number"])
        lead.socket.close()

    with pytest.raises(FluxUnavailable):
        lead.loop.run(on_event)

    assert heard == [1]


def test_stop_when_the_lead_is_gone_as_well_ends_quietly(lead):
    lead.loop.call_soon(lambda: (lead.socket.close(), lead.loop.stop()))

    lead.loop.run(lambda _: None)


def test_call_from_a_thread_wakes_the_loop(lead):
    lead.say(cancelled(2))
    thread = threading.Thread(target=lambda: lead.loop.call_soon(lead.loop.stop))
    thread.start()
    lead.loop.run(lambda _: None)
    thread.join(5)


def test_closed_loop_can_still_be_told_things(lead):
    lead.loop.close()
    lead.loop.close()

    lead.loop.stop()
    lead.loop.call_soon(lambda: None)


def test_event_of_an_unknown_kind_is_refused_by_name():
    with pytest.raises(FluxError, match="'weather'"):
        parse_event({"kind": "weather"})
