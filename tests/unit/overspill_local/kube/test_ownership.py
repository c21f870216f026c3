from hypothesis import given
from hypothesis import strategies as st

from overspill_local.kube.fieldsets import field_paths
from overspill_local.kube.listtypes import CUSTOM_LISTS
from overspill_local.kube.ownership import (
    Claim,
    Manager,
    Stamp,
    owned_part,
    ownership_after_update,
    read_ownership,
    write_ownership,
)

THEN = Stamp(api_version="v1", time="2026-01-01T00:00:00Z")
NOW = Stamp(api_version="v1", time="2026-01-02T00:00:00Z")
ANN, BOB = Manager("ann"), Manager("bob")
SPECS = st.dictionaries(
    st.sampled_from("abc"), st.integers(0, 2) | st.dictionaries(st.sampled_from("xy"), st.integers(0, 2))
)


def updated(before, spec, manager, stamp=NOW, **more):
    after = {"metadata": {"name": "o"}, "spec": spec, **more}
    ownership = ownership_after_update(before, after, manager, stamp, CUSTOM_LISTS)
    after["metadata"]["managedFields"] = write_ownership(ownership)
    return after


def owners(obj):
    return {manager: claim.paths for manager, claim in read_ownership(obj).items()}


def test_create_gives_everything_to_its_writer():
    created = updated({}, {"size": 1, "list": [{"name": "x"}]}, ANN)
    assert owners(created) == {ANN: {("f:spec", "f:size"), ("f:spec", "f:list")}}


def test_update_gives_what_changed_to_its_writer_alone():
    created = updated({}, {"size": 1, "colour": "red"}, ANN, THEN)
    changed = updated(created, {"size": 2, "colour": "red"}, BOB)
    assert owners(changed) == {ANN: {("f:spec", "f:colour")}, BOB: {("f:spec", "f:size")}}
    assert read_ownership(changed)[BOB].stamp == NOW


def test_update_that_changes_nothing_keeps_the_stamps():
    created = updated({}, {"size": 1}, ANN, THEN)
    again = updated(created, {"size": 1}, ANN, NOW)
    assert again["metadata"]["managedFields"] == created["metadata"]["managedFields"]


def test_removed_field_is_nobodys():
    created = updated({}, {"size": 1, "table": {"a": 1}}, ANN)
    assert owners(updated(created, {"size": 1}, BOB)) == {ANN: {("f:spec", "f:size")}}


def test_manager_that_lost_everything_is_left_out():
    created = updated({}, {"size": 1}, ANN)
    assert owners(updated(created, {"size": 2}, BOB)) == {BOB: {("f:spec", "f:size")}}


def test_status_is_owned_through_its_subresource_only():
    status_writer = Manager("bob", subresource="status")
    created = updated({}, {"size": 1}, ANN)
    with_status = updated(created, {"size": 1}, status_writer, status={"phase": "Up"})
    assert owners(with_status) == {ANN: {("f:spec", "f:size")}, status_writer: {("f:status", "f:phase")}}
    entry = next(each for each in with_status["metadata"]["managedFields"] if each["manager"] == "bob")
    assert entry["subresource"] == "status"


def test_owned_part_leaves_identity_out():
    obj = {
        "apiVersion": "v1",
        "kind": "K",
        "metadata": {"name": "o", "uid": "u", "labels": {"a": "1"}},
        "spec": {},
        "status": {},
    }
    assert owned_part(obj) == {"metadata": {"labels": {"a": "1"}}, "spec": {}}
    assert owned_part(obj, "status") == {"status": {}}


@given(st.lists(st.tuples(SPECS, st.sampled_from([ANN, BOB])), min_size=1, max_size=5))
def test_every_field_has_exactly_one_owner_after_updates(writes):
    obj = {}
    for spec, manager in writes:
        obj = updated(obj, spec, manager)
    claims = list(owners(obj).values())
    for path in field_paths(owned_part(obj), CUSTOM_LISTS):
        assert sum(path in claim for claim in claims) == 1


def test_claim_is_a_value():
    assert Claim(frozenset({("f:a",)}), NOW) == Claim(frozenset({("f:a",)}), NOW)
