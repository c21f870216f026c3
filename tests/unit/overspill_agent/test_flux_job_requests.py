import errno

import pytest

from overspill_agent.flux_job_requests import MAX_ON_THE_WAY, JobRequests
from overspill_shared.errors import FluxUnavailable


class FakeReactor:
    def __init__(self):
        self.sent, self.unanswered, self.is_gone = [], [], False

    def send(self, topic, payload, *, rank, on_answer):
        self.sent.append((topic, payload, on_answer))

    def send_unanswered(self, topic, payload):
        if self.is_gone:
            raise FluxUnavailable("gone")
        self.unanswered.append(payload["id"])

    def answer(self, place, error=None):
        self.sent[place][2](error)


@pytest.fixture
def reactor():
    return FakeReactor()


@pytest.fixture
def requests(reactor):
    return JobRequests(reactor)


def send(requests, count, *, absent=frozenset()):
    for jobid in range(count):
        requests.send("job-manager.memo", {"id": jobid}, absent=absent)


def test_requests_beyond_the_limit_wait_and_keep_their_order(reactor, requests):
    send(requests, MAX_ON_THE_WAY + 3)
    assert len(reactor.sent) == MAX_ON_THE_WAY

    for place in (5, 0, 1):
        reactor.answer(place)
    assert [payload["id"] for _, payload, _ in reactor.sent] == list(range(MAX_ON_THE_WAY + 3))


def test_errors_are_logged_once_of_each_kind_and_never_where_they_are_expected(reactor, requests, caplog):
    send(requests, 3, absent=frozenset({errno.ENOENT}))
    reactor.answer(0, OSError(errno.ENOENT, "no such job"))
    assert caplog.messages == []

    reactor.answer(1, OSError(errno.EPERM, "not yours"))
    reactor.answer(2, OSError(errno.EPERM, "not yours"))
    (line,) = caplog.records
    assert (line.message, line.jobid, line.error) == ("job.not_told", 1, "not yours")


def test_close_sends_what_waits_and_hears_no_answer_any_more(reactor, requests, caplog):
    send(requests, MAX_ON_THE_WAY + 2)
    requests.close()
    assert reactor.unanswered == [MAX_ON_THE_WAY, MAX_ON_THE_WAY + 1]

    reactor.answer(0, OSError(errno.ECANCELED, "closed"))
    assert len(reactor.sent) == MAX_ON_THE_WAY
    assert caplog.messages == []


def test_close_without_a_broker_is_no_error(reactor, requests):
    reactor.is_gone = True
    send(requests, MAX_ON_THE_WAY + 2)

    requests.close()
    assert reactor.unanswered == []
