import logging

import pytest

from overspill_agent.outcome import Outcome
from overspill_shared.errors import FluxError, FluxUnavailable
from overspill_shared.log import JsonFormatter


@pytest.mark.parametrize(
    ("code", "is_told"),
    [
        ("too-large", True),
        ("not-burstable-here", True),
        ("cool-down", True),
        ("no-slot", False),
        ("fits-now", False),
        ("in-flight", False),
    ],
)
def test_hold_that_will_not_end_by_itself_is_told_on_the_job_once(shop, code, is_told):
    for _ in range(2):
        assert shop.act("hold", code, jobs=(7,)) is Outcome.DONE

    assert shop.flux.told == ([("exception", 7, 2, "overspill", "because")] if is_told else [])


def test_hold_for_another_reason_is_told_again(shop):
    shop.act("hold", "cool-down", jobs=(7,))
    shop.act("hold", "too-large", jobs=(7,))

    assert len(shop.flux.told) == 2


def test_lower_urgency_remembers_it_on_the_job_and_is_asked_for_once(shop):
    for _ in range(2):
        assert shop.act("lower-urgency", "head-of-line", jobs=(1, 99)) is Outcome.DONE

    assert shop.flux.told == [("memo", 1, {"overspill": {"lowered_from": 16}}), ("urgency", 1, 1)]


@pytest.mark.parametrize(
    ("call", "act"),
    [
        ("memo", lambda shop: shop.request()),
        ("raise_exception", lambda shop: shop.act("hold", "too-large", jobs=(1,))),
        ("set_urgency", lambda shop: shop.act("lower-urgency", "head-of-line", jobs=(1,))),
    ],
    ids=["memo", "remark", "urgency"],
)
def test_remark_on_a_job_that_fails_stops_nothing(shop, call, act, caplog):
    shop.faults.order(call, FluxError("no such job"), FluxError("no such job"))

    assert act(shop) in (Outcome.DONE, Outcome.CHANGED)
    assert "job.not_told" in caplog.messages


def test_flux_that_is_gone_ends_the_action(shop):
    burst = shop.has("ACTIVE")
    shop.faults.order("drain", FluxUnavailable("gone"))

    with pytest.raises(FluxUnavailable):
        shop.about(burst, "drain", "idle")


def test_lines_about_a_burst_bear_its_id_and_no_key(shop, caplog):
    caplog.set_level(logging.INFO, "overspill_agent")
    caplog.handler.setFormatter(JsonFormatter())

    shop.request()
    (burst,) = shop.store.bursts
    shop.about(shop.has("FAILED", burst_id=burst.burst_id), "teardown", "failed")

    lines = caplog.text.splitlines()
    assert len(lines) >= 3
    assert all(f'"burst_id": "{burst.burst_id}"' in line for line in lines)
    assert "canary" not in caplog.text
