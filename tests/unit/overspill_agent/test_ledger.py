import pytest
from tests.unit.overspill_agent.examples import NOW, make_burst, make_failed_burst

from overspill_agent.bursts import HistoryEntry
from overspill_agent.ledger import MAX_HISTORY, Ledger, real_cost_usd
from overspill_agent.paid_nodes import PaidNodes

HOUR = 3600


def gone(*, hours, at=NOW, nodes=4, price=0.5, **changes):
    return make_burst("GONE", size=nodes, at=at, since=at + hours * HOUR, price_usd_per_h=price, **changes)


def live(burst):
    return burst.model_copy(update={"state": "TEARING_DOWN"})


def settled(*bursts):
    ledger = Ledger()
    for burst in bursts:
        ledger = ledger.after(live(burst), burst)
    return ledger


@pytest.mark.parametrize(
    ("burst", "usd"),
    [
        (gone(hours=2), 4.0),
        (gone(hours=2, most_nodes=8), 8.0),
        (gone(hours=2, paid=(PaidNodes(at=NOW, nodes=4), PaidNodes(at=NOW + HOUR, nodes=8))), 6.0),
        (gone(hours=2, paid=(PaidNodes(at=NOW, nodes=8), PaidNodes(at=NOW + HOUR, nodes=2))), 5.0),
        (gone(hours=2, price=None), 0.0),
        (gone(hours=2, history=(HistoryEntry(state="REQUESTED", at=NOW, cause=""),)), 0.0),
    ],
    ids=["its size", "an old record: its largest size", "grown", "shrunk", "no price", "rejected"],
)
def test_real_cost_of_a_burst_that_is_gone_is_by_its_real_times(burst, usd):
    assert real_cost_usd(burst) == usd


def test_ledger_settles_a_burst_once_when_it_is_gone():
    burst = gone(hours=2)
    ledger = Ledger().after(live(burst), burst)

    assert [(one.at, one.usd) for one in ledger.spent_values()] == [(NOW + 2 * HOUR, 4.0)]
    assert ledger.after(burst, burst).spent == ledger.spent


def test_ledger_adds_up_what_is_older_than_a_day():
    ledger = settled(*(gone(hours=1, at=NOW + day * 25 * HOUR, generation=day) for day in range(4)))

    assert [(one.at, one.usd) for one in ledger.spent] == [
        (NOW + 51 * HOUR, 6.0),
        (NOW + 76 * HOUR, 2.0),
    ]


def test_ledger_learns_of_each_start_and_of_each_failure_once():
    joining, active = make_burst("JOINING"), make_burst("ACTIVE", at=NOW)
    failed = make_failed_burst(error_class="boot")

    ledger = Ledger().after(joining, active).after(active, active).after(None, failed)

    assert [(one.outcome, one.create_s, one.zone) for one in ledger.history_values()] == [
        ("ok", 0.0, "us-central1-a"),
        ("boot", None, "us-central1-a"),
    ]


def test_ledger_that_learns_the_cause_of_a_failure_late_forgets_what_it_was_taken_for():
    before = make_failed_burst(error_class="internal")
    after = before.model_copy(update={"error": make_failed_burst(error_class="capacity").error})

    ledger = Ledger().after(None, before).after(before, after)

    assert [one.outcome for one in ledger.history_values()] == ["capacity"]


def test_ledger_keeps_the_latest_experiences():
    ledger = Ledger()
    for number in range(MAX_HISTORY + 5):
        ledger = ledger.after(None, make_failed_burst(generation=number, at=NOW + number))

    assert len(ledger.history) == MAX_HISTORY
    assert ledger.history[-1].at == NOW + MAX_HISTORY + 4
