from hypothesis import given
from hypothesis import strategies as st

from overspill_local.kube.fieldsets import (
    field_paths,
    from_fields_v1,
    to_fields_v1,
    value_at,
    with_ancestors,
    with_fields_around,
    without,
)
from overspill_local.kube.listtypes import BUILTIN_LISTS

VALUE = {
    "replicas": 2,
    "labels": {"a": "1"},
    "empty": {},
    "args": ["x", "y"],
    "finalizers": ["a/b"],
    "volumes": [],
    "containers": [{"name": "main", "image": "i"}, {"name": "side"}],
}
MAIN, SIDE = 'k:{"name":"main"}', 'k:{"name":"side"}'
PATHS = {
    ("f:replicas",),
    ("f:labels", "f:a"),
    ("f:empty",),
    ("f:args",),
    ("f:finalizers", 'v:"a/b"'),
    ("f:containers", MAIN),
    ("f:containers", MAIN, "f:name"),
    ("f:containers", MAIN, "f:image"),
    ("f:containers", SIDE),
    ("f:containers", SIDE, "f:name"),
}
NAMES = st.sampled_from(["a", "b", "containers", "finalizers"])
JSON = st.recursive(
    st.integers(0, 3) | st.text("xy", max_size=1),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(NAMES, inner, max_size=3)
        | st.lists(
            st.fixed_dictionaries({"name": st.sampled_from("pq"), "v": inner}),
            max_size=2,
            unique_by=lambda i: i["name"],
        )
    ),
    max_leaves=8,
)
TABLES = st.dictionaries(NAMES, JSON, max_size=3)


def test_field_paths_are_leaves_and_items_with_an_identity():
    assert field_paths(VALUE, BUILTIN_LISTS) == PATHS


def test_value_at_follows_members_and_keys():
    assert value_at(VALUE, ("f:labels", "f:a")) == "1"
    assert value_at(VALUE, ("f:containers", MAIN, "f:image")) == "i"
    assert value_at(VALUE, ("f:finalizers", 'v:"a/b"')) == "a/b"
    assert value_at(VALUE, ("f:containers", 'k:{"name":"absent"}', "f:image")) is None
    assert value_at(VALUE, ("f:replicas", "f:deeper")) is None


def test_without_takes_members_and_items_away():
    removed = without(
        VALUE, [("f:containers", MAIN), ("f:finalizers", 'v:"a/b"'), ("f:labels", "f:a"), ("f:no", "f:x")]
    )
    assert removed["containers"] == [{"name": "side"}]
    assert removed["finalizers"] == []
    assert removed["labels"] == {}
    assert len(VALUE["containers"]) == 2


def test_with_ancestors_adds_what_a_path_stands_in():
    assert with_ancestors([("f:a", "f:b", "f:c")]) == {("f:a",), ("f:a", "f:b"), ("f:a", "f:b", "f:c")}


def test_with_fields_around_takes_no_item_along():
    image = ("f:containers", MAIN, "f:image")
    assert with_fields_around([image]) == {("f:containers",), image}
    assert with_fields_around([image, image[:2]]) == {("f:containers",), image[:2], image}


def test_fields_v1_marks_an_item_that_has_members_with_a_dot():
    fields = to_fields_v1(path for path in PATHS if path[0] == "f:containers")
    assert fields == {"f:containers": {MAIN: {".": {}, "f:image": {}, "f:name": {}}, SIDE: {".": {}, "f:name": {}}}}


@given(TABLES)
def test_fields_v1_round_trip(value):
    paths = field_paths(value, BUILTIN_LISTS)
    assert from_fields_v1(to_fields_v1(paths)) == paths


@given(TABLES)
def test_without_all_leaves_nothing_is_left_to_own(value):
    paths = field_paths(value, BUILTIN_LISTS)
    assert not field_paths(without(value, with_ancestors(paths)), BUILTIN_LISTS)
