import pytest
from tests.unit.overspill_agent.examples import NOW, make_burst

from overspill_agent.store import KEPT_GONE, SCHEMA, BurstStore, parse_state
from overspill_shared.errors import ConfigError, FluxError
from overspill_shared.lifecycle import BurstState


def dumped(record):
    return record.model_dump(mode="json", by_alias=True)


@pytest.fixture
def store(flux):
    store = BurstStore(flux)
    store.load()
    return store


@pytest.fixture
def reloaded(flux):
    """Give what the next agent finds."""

    def load():
        store = BurstStore(flux)
        store.load()
        return store

    return load


def gone(number, **changes):
    return make_burst("GONE", generation=number, has_drained=False, **changes)


def test_load_of_an_empty_kvs_gives_no_bursts(store):
    assert store.bursts == ()
    assert store.get("0" * 32) is None


@pytest.mark.parametrize("state", list(BurstState))
def test_save_then_load_gives_the_same_record(store, reloaded, state):
    burst = make_burst(state, slot="burst-1", size=2, event_ids=("e" * 32,), idle_since=NOW, owes_teardown=True)

    store.save(burst)

    assert store.get(burst.burst_id) == burst
    assert reloaded().bursts == (burst,)


def test_save_of_a_request_is_the_same_to_the_byte_after_a_restart(store, reloaded, burst_request):
    request = burst_request()
    burst = make_burst("REQUESTED", burst_id=request.burst_id)

    store.save(burst, request=request)

    assert store.request_of(request.burst_id) == request
    again = reloaded().request_of(request.burst_id)
    assert again.model_dump_json(by_alias=True) == request.model_dump_json(by_alias=True)


def test_save_is_one_commit_whatever_it_holds(store, flux, burst_request):
    request = burst_request()
    requested = make_burst("REQUESTED", burst_id=request.burst_id)
    ended = gone(1)

    store.save(requested, ended, request=request)

    (commit,) = flux.commits
    assert set(commit) == {
        "schema",
        "ledger",
        f"bursts.{requested.burst_id}",
        f"requests.{requested.burst_id}",
        f"bursts.{ended.burst_id}",
        f"requests.{ended.burst_id}",
    }
    assert commit["schema"] == SCHEMA


def test_save_that_the_kvs_refuses_leaves_memory_as_the_kvs_is(store, faults, burst_request):
    before = make_burst("JOINING")
    store.save(before)
    faults.order("write_state", FluxError("no"))

    with pytest.raises(FluxError):
        store.save(make_burst("ACTIVE"), request=burst_request(burst_id=before.burst_id))

    assert store.bursts == (before,)
    assert store.request_of(before.burst_id) is None


def test_save_of_a_burst_that_is_gone_drops_its_request(store, flux, reloaded, burst_request):
    request = burst_request()
    store.save(make_burst("REQUESTED", burst_id=request.burst_id), request=request)

    store.save(make_burst("GONE", burst_id=request.burst_id))

    assert store.request_of(request.burst_id) is None
    assert f"requests.{request.burst_id}" not in flux.ranks.kvs
    assert reloaded().request_of(request.burst_id) is None


def test_bursts_are_the_oldest_first(store):
    for number in (7, 3, 5):
        store.save(make_burst("ACTIVE", generation=number))

    assert [burst.generation for burst in store.bursts] == [3, 5, 7]


def test_save_keeps_the_latest_that_are_gone(store, flux, reloaded):
    for number in range(KEPT_GONE + 3):
        store.save(gone(number))

    kept = list(range(3, KEPT_GONE + 3))
    assert [burst.generation for burst in store.bursts] == kept
    assert reloaded().bursts == store.bursts
    assert not [key for key in flux.ranks.kvs if key.startswith("requests.")]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"state": "GONE", "has_drained": True}, id="its ranks are still drained"),
        pytest.param({"state": "GONE", "has_drained": False, "owes_teardown": True}, id="its teardown is owed"),
        *(pytest.param({"state": state}, id=state) for state in BurstState if state is not BurstState.GONE),
    ],
)
def test_save_never_drops_a_burst_that_still_needs_something(store, reloaded, changes):
    oldest = make_burst(generation=0, **changes)
    store.save(oldest)

    for number in range(1, KEPT_GONE + 5):
        store.save(gone(number))

    assert oldest in reloaded().bursts


def test_load_of_another_layout_raises_naming_both(flux):
    flux.ranks.kvs["schema"] = 2

    with pytest.raises(ConfigError) as caught:
        BurstStore(flux).load()

    assert caught.value.code == "state-schema"
    assert caught.value.text == "the KVS holds Overspill's state of layout 2, this version reads 1."
    assert "until its bursts are gone" in caught.value.remedy


BURST = make_burst()


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        pytest.param(f"bursts.{BURST.burst_id}", {**dumped(BURST), "state": "ASLEEP"}, "(state)", id="unknown state"),
        pytest.param(f"bursts.{BURST.burst_id}", {"state": "ACTIVE"}, "burst_id, generation", id="fields are missing"),
        pytest.param(f"bursts.{BURST.burst_id}", "ACTIVE", "valid dictionary", id="no object"),
        pytest.param(f"requests.{BURST.burst_id}", {"burst_id": "x"}, "burst_id", id="damaged request"),
    ],
)
def test_parse_state_of_a_damaged_record_raises_naming_its_key(key, value, told):
    with pytest.raises(ConfigError) as caught:
        parse_state({"schema": 1, key: value})

    assert caught.value.code == "state-damaged"
    assert f"overspill.{key}" in caught.value.text
    assert told in caught.value.text
    assert f"flux kvs get overspill.{key}" in caught.value.remedy


def test_parse_state_without_a_schema_and_with_unknown_keys_reads_the_records():
    bursts, requests = parse_state({f"bursts.{BURST.burst_id}": dumped(BURST), "colour": "red"})

    assert bursts == {BURST.burst_id: BURST}
    assert requests == {}
