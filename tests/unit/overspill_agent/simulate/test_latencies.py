from statistics import median, quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_agent.simulate.latencies import (
    PUBLISHED,
    CloudModel,
    Latency,
    build_cloud,
    draw_fate,
    draw_growth_s,
)
from overspill_shared.errors import ErrorClass

LATENCY = Latency(median_s=100, p90_s=150, least_s=80, most_s=400)


def test_a_latency_has_the_median_and_p90_that_were_published():
    assert LATENCY.at(0.5) == pytest.approx(100)
    assert LATENCY.at(0.9) == pytest.approx(150)


@given(st.floats(1e-9, 1 - 1e-9), st.floats(1e-9, 1 - 1e-9))
def test_a_latency_stays_in_what_was_seen_and_grows_with_the_share(one, other):
    low, high = sorted((one, other))

    assert 80 <= LATENCY.at(low) <= LATENCY.at(high) <= 400


def test_sampled_creates_are_as_the_published_ones():
    creates = [draw_fate(build_cloud(capacity_failures=0), 1, number).create_s for number in range(2000)]

    assert median(creates) == pytest.approx(287, rel=0.03)
    assert quantiles(creates, n=10)[-1] == pytest.approx(334, rel=0.03)
    assert min(creates) >= 247
    assert max(creates) <= 359


@given(st.integers(), st.integers(0, 10_000))
def test_a_burst_meets_the_same_fate_whatever_came_before_it(seed, number):
    assert draw_fate(PUBLISHED, seed, number) == draw_fate(PUBLISHED, seed, number)
    assert draw_growth_s(PUBLISHED, seed, number, 2) == draw_growth_s(PUBLISHED, seed, number, 2)


def test_seeds_differ():
    assert draw_fate(PUBLISHED, 1, 0) != draw_fate(PUBLISHED, 2, 0)


def test_failures_are_as_frequent_as_was_asked_for():
    cloud = build_cloud(capacity_failures=0.2, boot_failures=0.1)

    fates = [draw_fate(cloud, 1, number) for number in range(2000)]

    failures = [fate.failure for fate in fates]
    assert failures.count(ErrorClass.CAPACITY) == pytest.approx(400, rel=0.15)
    assert failures.count(ErrorClass.BOOT) == pytest.approx(200, rel=0.2)
    assert {fate.create_s for fate in fates if fate.failure is ErrorClass.CAPACITY} == {cloud.capacity_failure_s}


def test_without_a_word_the_cloud_is_the_published_one():
    assert build_cloud() == PUBLISHED == CloudModel()
