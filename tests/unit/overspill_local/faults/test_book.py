import pytest
from pydantic import ValidationError

from overspill_local.faults.book import MISSING_ZONE, FaultBook
from overspill_local.faults.catalogue import CATALOGUE
from overspill_local.faults.gke import Faults
from overspill_local.faults.orders import FaultOrders
from overspill_shared.errors import ConfigError


@pytest.fixture
def book():
    return FaultBook(Faults(), FaultOrders(), FaultOrders())


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_fault_can_be_ordered_is_listed_and_cleared(book, name):
    line = book.order(name, times=2)

    assert line.startswith(f"{name}: the next 2 calls")
    assert book.list() == (line,)
    book.clear()
    assert book.list() == ()


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_fault_says_what_it_is(name):
    assert CATALOGUE[name].help.endswith(".")


@pytest.mark.parametrize("name", [name for name, named in CATALOGUE.items() if named.takes_after])
def test_fault_with_a_delay_hands_it_on(book, name):
    book.order(name, after_s=7)

    (order,) = (*book.gke.operations.waiting(), *book.pods.waiting())
    assert 7 in [getattr(order.fault, name, None) for name in ("after_s", "takes_s", "passes_after_s")]


def test_missing_zone_is_listed_until_it_is_cleared(book):
    book.order(MISSING_ZONE, zone="us-central1-a")

    assert book.list() == ("missing-zone: us-central1-a, until it is cleared",)
    book.clear()
    assert book.gke.missing_zones == set()


def test_list_says_which_calls_and_how_long(book):
    book.order("unavailable", calls="GetCluster", for_s=30)
    book.order("kube-unreachable")

    timed, next_one = book.list()
    assert timed.startswith("unavailable: every call that is GetCluster, for ")
    assert next_one == "kube-unreachable: the next call"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("earthquake", {}),
        ("unavailable", {"after_s": 3}),
        ("stockout", {"calls": "GetCluster"}),
        ("stockout", {"zone": "us-central1-a"}),
        (MISSING_ZONE, {}),
    ],
)
def test_order_that_makes_no_sense_says_what_would(book, name, options):
    with pytest.raises(ConfigError) as caught:
        book.order(name, **options)

    assert caught.value.remedy
    assert book.list() == ()


@pytest.mark.parametrize("options", [{"times": 0}, {"for_s": -1}, {"colour": "red"}])
def test_order_out_of_range_is_refused(book, options):
    with pytest.raises(ValidationError):
        book.order("unavailable", **options)
