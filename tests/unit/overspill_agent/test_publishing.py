import threading

import pytest

from overspill_agent.publishing import BackgroundPublisher, OnTheWay
from overspill_shared.errors import Unavailable

DEADLINE_S = 10


class SlowPublisher:
    """Answers when it is told to."""

    def __init__(self):
        self.sent, self.answers = [], []
        self.released = threading.Semaphore(0)

    def publish(self, message):
        assert self.released.acquire(timeout=DEADLINE_S)
        self.sent.append(message)
        answer = self.answers.pop(0) if self.answers else f"id-{len(self.sent)}"
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def slow():
    return SlowPublisher()


@pytest.fixture
def done():
    return threading.Semaphore(0)


@pytest.fixture
def background(slow, done):
    publisher = BackgroundPublisher(slow, done.release)
    yield publisher
    slow.released.release(100)
    publisher.close()


def test_answer_that_comes_soon_is_given_at_once(slow, background, burst_request, monkeypatch):
    monkeypatch.setattr("overspill_agent.publishing.PATIENCE_S", DEADLINE_S)
    slow.released.release()

    assert background.publish(burst_request()) == "id-1"


def test_answer_that_takes_long_is_told_and_given_to_whoever_asks_again(slow, done, background, burst_request):
    request = burst_request()
    for _ in range(2):
        with pytest.raises(OnTheWay):
            background.publish(request)
    slow.released.release()
    assert done.acquire(timeout=DEADLINE_S)

    assert background.publish(request) == "id-1"
    assert slow.sent == [request]


def test_failure_that_comes_late_is_raised_once_and_then_it_is_sent_again(slow, done, background, burst_request):
    slow.answers = [Unavailable("Pub/Sub is away"), "id-2"]
    for _ in range(2):
        with pytest.raises(OnTheWay):
            background.publish(burst_request())
        slow.released.release()
        assert done.acquire(timeout=DEADLINE_S)
        if len(slow.sent) == 1:
            with pytest.raises(Unavailable, match="away"):
                background.publish(burst_request())

    assert background.publish(burst_request()) == "id-2"


def test_messages_are_sent_one_after_another_in_the_order_of_asking(
    slow, done, background, burst_request, teardown_request
):
    messages = [burst_request(), burst_request(revision=2), teardown_request()]
    for message in messages:
        with pytest.raises(OnTheWay):
            background.publish(message)
    slow.released.release(3)
    for _ in messages:
        assert done.acquire(timeout=DEADLINE_S)

    assert slow.sent == messages
    assert [background.publish(message) for message in messages] == ["id-1", "id-2", "id-3"]
