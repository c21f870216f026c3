import pytest

from overspill_local.faults.orders import FaultOrders


class Clock:
    time = 100.0

    def __call__(self):
        return self.time


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def orders(clock):
    return FaultOrders(now=clock)


def test_order_hits_as_many_calls_as_it_says_and_no_more(orders):
    orders.order("503", times=2)

    assert [orders.take("GetCluster") for _ in range(3)] == ["503", "503", None]


def test_order_hits_only_calls_that_fit(orders):
    orders.order("503", calls="Get*")

    assert orders.take("DeleteCluster") is None
    assert orders.take("GetCluster") == "503"


def test_order_for_a_time_hits_every_call_until_then(orders, clock):
    orders.order("503", for_s=10)

    assert [orders.take("x") for _ in range(5)] == ["503"] * 5
    clock.time += 9.9
    assert orders.take("x") == "503"
    clock.time += 0.2
    assert orders.take("x") is None
    assert orders.waiting() == ()


def test_oldest_order_that_fits_comes_first(orders):
    orders.order("first")
    orders.order("second")

    assert [orders.take("x"), orders.take("x")] == ["first", "second"]


def test_waiting_tells_what_is_left_and_clear_forgets_it(orders, clock):
    orders.order("503", times=3, name="unavailable")
    orders.order("401", for_s=5)
    orders.take("x")
    clock.time += 1

    counted, timed = orders.waiting()
    assert (counted.name, counted.times, orders.seconds_left(counted)) == ("unavailable", 2, None)
    assert (timed.times, orders.seconds_left(timed)) == (None, 4)
    orders.clear()
    assert orders.take("x") is None
