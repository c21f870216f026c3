import io
import json

import pytest
from rich.console import Console
from tests.unit.overspill_agent.examples import ERROR, NOW, make_burst, make_failed_burst

from overspill_agent.status import _duration, as_json, as_table, read_bursts
from overspill_shared.errors import ConfigError
from overspill_shared.lifecycle import BurstState


def printed(*bursts, now=NOW):
    stream = io.StringIO()
    Console(file=stream, width=300, color_system=None).print(as_table(bursts, now))
    return stream.getvalue()


def row(*bursts, now=NOW):
    return printed(*bursts, now=now).splitlines()[1]


def test_read_bursts_gives_the_newest_first(flux):
    for number in (3, 7, 5):
        burst = make_burst(generation=number)
        flux.ranks.kvs[f"bursts.{burst.burst_id}"] = burst.model_dump(mode="json", by_alias=True)

    assert [burst.generation for burst in read_bursts(flux)] == [7, 5, 3]
    assert flux.faults.calls == ["read_state"]


def test_read_bursts_of_another_layout_raises(flux):
    flux.ranks.kvs["schema"] = 0

    with pytest.raises(ConfigError):
        read_bursts(flux)


def test_as_json_is_for_scripts():
    content = json.loads(json.dumps(as_json((make_failed_burst(size=2),), NOW + 90)))

    (burst,) = content["bursts"]
    assert burst["cluster"] == f"overspill-{burst['burst_id'][:12]}"
    assert (burst["state"], burst["state_s"], burst["age_s"]) == ("GONE", 90, 90)
    assert (burst["nodes"], burst["ranks"], burst["jobs"]) == (2, "2-3", [1])
    assert burst["error"] == ERROR
    assert [entry["state"] for entry in burst["history"]] == ["REQUESTED", "FAILED", "TEARING_DOWN", "GONE"]


def test_as_json_tells_times_to_a_tenth_of_a_second():
    (burst,) = as_json((make_burst(),), NOW + 90.26)["bursts"]

    assert (burst["state_s"], burst["age_s"]) == (90.3, 90.3)


def test_as_json_of_a_burst_without_error_says_null():
    assert as_json((make_burst(),), NOW)["bursts"][0]["error"] is None


def test_as_table_has_a_row_for_each_burst():
    first, second = make_burst(), make_burst("JOINING", slot="burst-1", generation=2)

    heading, *rows = printed(first, second, now=NOW + 125).splitlines()

    assert heading.split() == ["CLUSTER", "STATE", "FOR", "SLOT", "NODES", "RANKS", "ZONE", "LEASE", "JOBS", "WHY"]
    assert len(rows) == 2
    assert rows[0].split()[:9] == [
        f"overspill-{first.burst_id[:12]}",
        "ACTIVE",
        "2m5s",
        "burst-0",
        "4",
        "2-5",
        "us-central1-a",
        "7h57m",
        "1",
    ]


@pytest.mark.parametrize(
    ("burst", "why"),
    [
        pytest.param(make_failed_burst(), "The zone has no such nodes.", id="its error"),
        pytest.param(make_burst("ACTIVE"), "became ACTIVE", id="its last move"),
        pytest.param(make_burst("ACTIVE", history=()), "a job of 4 nodes waits", id="its reason"),
        pytest.param(
            make_burst("ACTIVE", error={**ERROR, "text": "[GCE_STOCKOUT] in [/zones] burst-0-[0-3]"}),
            "[GCE_STOCKOUT] in [/zones] burst-0-[0-3]",
            id="brackets are no markup",
        ),
    ],
)
def test_as_table_says_why(burst, why):
    assert row(burst).endswith(why)


@pytest.mark.parametrize("state", list(BurstState))
def test_as_table_shows_every_state(state):
    assert row(make_burst(state)).split()[1] == state


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (59.9, "59s"),
        (60, "1m0s"),
        (119, "1m59s"),
        (125, "2m5s"),
        (3599, "59m59s"),
        (3600, "1h0m"),
        (7300, "2h1m"),
        (100_000, "27h46m"),
    ],
)
def test_duration_gives_the_two_largest_units(seconds, text):
    assert _duration(seconds) == text


@pytest.mark.parametrize(
    ("state", "expires_at", "shown"),
    [
        ("ACTIVE", NOW + 1500, "25m0s"),
        ("ACTIVE", NOW, "lapsed"),
        ("FAILED", NOW - 1, "lapsed"),
        ("ACTIVE", None, "-"),
        ("GONE", NOW + 60, "-"),
    ],
)
def test_as_table_shows_what_is_left_of_the_lease(state, expires_at, shown):
    assert shown in row(make_burst(state, lease_expires_at=expires_at)).split()


def test_as_json_has_the_end_of_the_lease():
    assert as_json((make_burst(lease_expires_at=NOW + 9),), NOW)["bursts"][0]["lease_expires_at"] == NOW + 9


def test_status_says_first_what_is_still_there():
    burst = make_burst("TEARING_DOWN", left=("us-east1-b/overspill-0123456789ab",), error=ERROR)

    assert row(burst).endswith("still there: us-east1-b/overspill-0123456789ab")
    assert as_json((burst,), NOW)["bursts"][0]["left"] == ["us-east1-b/overspill-0123456789ab"]
