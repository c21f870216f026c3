import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_local.kube.apply import ApplyConflictError, FieldConflict, apply_configuration
from overspill_local.kube.listtypes import BUILTIN_LISTS, CUSTOM_LISTS
from overspill_local.kube.ownership import Claim, Manager, Stamp, read_ownership, write_ownership

STAMP = Stamp(api_version="v1", time="2026-01-01T00:00:00Z")
LATER = Stamp(api_version="v1", time="2026-01-02T00:00:00Z")
SPECS = st.dictionaries(
    st.sampled_from("abc"),
    st.integers(0, 2) | st.dictionaries(st.sampled_from("xy"), st.integers(0, 2), min_size=1),
)


def apply(current, spec, name="ann", *, force=False, lists=CUSTOM_LISTS, stamp=STAMP, **metadata):
    configuration = {"apiVersion": "v1", "kind": "K", "metadata": {"name": "o", **metadata}, "spec": spec}
    manager = Manager(name, "Apply")
    return apply_configuration(current, configuration, manager, stamp, lists, force=force)


def owned(obj, name):
    claim = read_ownership(obj).get(Manager(name, "Apply"))
    return claim.paths if claim else frozenset()


def test_configuration_of_an_absent_object_becomes_it():
    applied = apply(None, {"a": 1}, labels={"l": "1"})
    assert applied["spec"] == {"a": 1}
    assert applied["metadata"]["labels"] == {"l": "1"}
    assert owned(applied, "ann") == {("f:spec", "f:a"), ("f:metadata", "f:labels", "f:l")}


def test_what_is_left_out_goes():
    assert apply(apply(None, {"a": 1, "b": 2}), {"a": 1})["spec"] == {"a": 1}


def test_what_is_left_out_stays_while_another_owns_it():
    both = apply(apply(None, {"a": 1, "b": 2}), {"b": 2}, "bob")
    assert apply(both, {"a": 1})["spec"] == {"a": 1, "b": 2}


def test_table_left_out_goes_with_what_nobody_owns():
    current = apply(None, {"a": {"x": 1}})
    current["spec"]["a"]["default"] = 5
    assert apply(current, {"b": 1})["spec"] == {"b": 1}


def test_table_left_out_stays_where_another_owns_a_part():
    current = apply(apply(None, {"a": {"x": 1}}), {"a": {"y": 2}}, "bob")
    assert apply(current, {})["spec"] == {"a": {"y": 2}}


def test_conflict_names_owner_and_field():
    current = apply(None, {"a": {"x": 1}})
    with pytest.raises(ApplyConflictError) as caught:
        apply(current, {"a": {"x": 2}}, "bob")
    assert str(caught.value) == 'Apply failed with 1 conflict: conflict with "ann": .spec.a.x'


def test_conflicts_are_listed_by_owner():
    current = apply(apply(None, {"a": 1, "b": 2}), {"c": 3}, "eve")
    with pytest.raises(ApplyConflictError) as caught:
        apply(current, {"a": 2, "b": 3, "c": 4}, "bob")
    assert str(caught.value).splitlines() == [
        'Apply failed with 3 conflicts: conflicts with "ann":',
        "- .spec.a",
        "- .spec.b",
        'conflicts with "eve":',
        "- .spec.c",
    ]


def test_owner_by_an_update_is_named_with_its_version_and_subresource():
    conflict = FieldConflict(Manager("ann", "Update", "status"), "v1", ("f:status", "f:finalizers", 'v:"x"'))
    assert conflict.owner == '"ann" with subresource "status" using v1'
    assert conflict.field == '.status.finalizers[="x"]'


@pytest.mark.parametrize(("theirs", "mine"), [(1, {"x": 1}), ({"x": 1}, 1), ([1], {"x": 1}), ({"x": 1}, [1])])
def test_value_of_another_shape_conflicts(theirs, mine):
    current = apply(None, {"a": theirs})
    with pytest.raises(ApplyConflictError):
        apply(current, {"a": mine}, "bob")
    forced = apply(current, {"a": mine}, "bob", force=True)
    assert forced["spec"] == {"a": mine}
    assert owned(forced, "ann") == frozenset()


def test_force_takes_only_what_conflicts():
    forced = apply(apply(None, {"a": 1, "b": 2}), {"a": 9}, "bob", force=True)
    assert forced["spec"] == {"a": 9, "b": 2}
    assert owned(forced, "ann") == {("f:spec", "f:b")}
    assert owned(forced, "bob") == {("f:spec", "f:a")}


def test_tables_of_two_managers_do_not_conflict():
    current = apply(None, {"a": {}})
    assert apply(current, {"a": {"x": 1}}, "bob")["spec"] == {"a": {"x": 1}}


def test_custom_lists_are_owned_whole():
    current = apply(None, {"containers": [{"name": "p"}]})
    with pytest.raises(ApplyConflictError):
        apply(current, {"containers": [{"name": "q"}]}, "bob")


def test_builtin_lists_are_owned_by_item():
    def containers(*names, **more):
        return {"containers": [{"name": name, "image": "i", **more} for name in names]}

    current = apply(None, containers("p", "q"), lists=BUILTIN_LISTS)
    current = apply(current, containers("r"), "bob", lists=BUILTIN_LISTS)
    assert [each["name"] for each in current["spec"]["containers"]] == ["p", "q", "r"]
    current = apply(current, containers("q", tty=True), lists=BUILTIN_LISTS)
    assert current["spec"]["containers"] == [
        {"name": "q", "image": "i", "tty": True},
        {"name": "r", "image": "i"},
    ]
    with pytest.raises(ApplyConflictError, match=r'\.spec\.containers\[name="r"\]\.image'):
        apply(current, {"containers": [{"name": "r", "image": "j"}]}, lists=BUILTIN_LISTS)


def test_item_left_out_goes_with_what_another_set_in_it():
    current = apply(None, {"containers": [{"name": "p", "image": "i"}]}, lists=BUILTIN_LISTS)
    paths = frozenset({("f:spec", "f:containers", 'k:{"name":"p"}', "f:tty")})
    ownership = read_ownership(current) | {Manager("bob"): Claim(paths, STAMP)}
    current["metadata"]["managedFields"] = write_ownership(ownership)
    current["spec"]["containers"][0]["tty"] = True
    assert apply(current, {"containers": [{"name": "q"}]}, lists=BUILTIN_LISTS)["spec"]["containers"] == [{"name": "q"}]


def test_finalizers_of_two_managers_add_up():
    current = apply(apply(None, {}, finalizers=["a/x"]), {}, "bob", finalizers=["b/y"])
    assert current["metadata"]["finalizers"] == ["a/x", "b/y"]
    assert apply(current, {})["metadata"]["finalizers"] == ["b/y"]


def test_entry_keeps_its_time_where_it_says_nothing_new():
    first = apply(None, {"a": 1})
    assert apply(first, {"a": 1}, stamp=LATER) == first
    assert apply(first, {"a": 1, "b": 1}, stamp=LATER)["metadata"]["managedFields"][0]["time"] == LATER.time


def test_resource_version_of_the_configuration_is_kept():
    assert apply(None, {}, resourceVersion="7")["metadata"]["resourceVersion"] == "7"


@given(SPECS)
def test_apply_twice_is_apply_once(spec):
    first = apply(None, spec)
    before = copy.deepcopy(first)
    assert apply(first, spec) == first
    assert first == before


@given(SPECS, SPECS)
def test_second_configuration_of_one_manager_replaces_the_first(first, second):
    assert apply(apply(None, first), second)["spec"] == second


@given(SPECS, SPECS)
def test_forced_configuration_stands_whatever_was_there(theirs, mine):
    applied = apply(apply(None, theirs), mine, "bob", force=True)
    assert contains(applied["spec"], mine)


@given(SPECS, SPECS)
def test_apply_without_force_never_changes_what_another_owns(theirs, mine):
    current = apply(None, theirs)
    try:
        applied = apply(current, mine, "bob")
    except ApplyConflictError:
        return
    assert contains(applied["spec"], theirs)


def contains(whole, part):
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and contains(whole[key], part[key]) for key in part)
    return whole == part
