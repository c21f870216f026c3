import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_local.kube.listtypes import BUILTIN_LISTS, CUSTOM_LISTS
from overspill_local.kube.patches import PatchError, json_patch, merge_patch, strategic_merge_patch

SCALARS = st.booleans() | st.integers(0, 9) | st.text("ab", max_size=2)
NAMES = st.text("abc/~", min_size=1, max_size=2)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
TABLES = st.dictionaries(NAMES, JSON, max_size=4)


# RFC 7396, appendix A
@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_follows_the_rfc(document, patch, expected):
    assert merge_patch(document, patch) == expected


def merge_difference(old, new):
    """Return the merge patch that makes `new` of `old`."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    patch = dict.fromkeys(old.keys() - new.keys())
    return patch | {k: merge_difference(old.get(k), v) for k, v in new.items() if k not in old or old[k] != v}


@given(TABLES, TABLES)
def test_merge_patch_of_a_difference_gives_the_other_document(old, new):
    before = copy.deepcopy(old)
    assert merge_patch(old, merge_difference(old, new)) == new
    assert old == before


# RFC 6902, appendix A
@pytest.mark.parametrize(
    ("document", "operation", "expected"),
    [
        ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": "qux"}, {"foo": "bar", "baz": "qux"}),
        ({"foo": ["a", "b"]}, {"op": "add", "path": "/foo/1", "value": "x"}, {"foo": ["a", "x", "b"]}),
        ({"foo": ["a"]}, {"op": "add", "path": "/foo/-", "value": ["b"]}, {"foo": ["a", ["b"]]}),
        ({"baz": 1, "foo": 2}, {"op": "remove", "path": "/baz"}, {"foo": 2}),
        ({"foo": ["a", "b", "c"]}, {"op": "remove", "path": "/foo/1"}, {"foo": ["a", "c"]}),
        ({"baz": 1}, {"op": "replace", "path": "/baz", "value": 2}, {"baz": 2}),
        ({"foo": [1, 2]}, {"op": "replace", "path": "/foo/0", "value": 3}, {"foo": [3, 2]}),
        ({"a": {"b": 1}, "c": {}}, {"op": "move", "from": "/a/b", "path": "/c/d"}, {"a": {}, "c": {"d": 1}}),
        ({"foo": [1, 2, 3]}, {"op": "move", "from": "/foo/0", "path": "/foo/2"}, {"foo": [2, 3, 1]}),
        ({"a": {"b": 1}}, {"op": "copy", "from": "/a", "path": "/c"}, {"a": {"b": 1}, "c": {"b": 1}}),
        ({"a": 1}, {"op": "test", "path": "/a", "value": 1}, {"a": 1}),
        ({"a": 1}, {"op": "replace", "path": "", "value": {"b": 2}}, {"b": 2}),
        ({"/": 9, "~1": 10}, {"op": "test", "path": "/~01", "value": 10}, {"/": 9, "~1": 10}),
        ({"a/b": 1}, {"op": "remove", "path": "/a~1b"}, {}),
    ],
    ids=repr,
)
def test_json_patch_follows_the_rfc(document, operation, expected):
    assert json_patch(document, [operation]) == expected


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "add", "path": "/absent/x", "value": 1},
        {"op": "add", "path": "/list/3", "value": 1},
        {"op": "add", "path": "/text/x", "value": 1},
        {"op": "add", "path": "/x"},
        {"op": "remove", "path": "/absent"},
        {"op": "remove", "path": "/list/2"},
        {"op": "remove", "path": "/list/-"},
        {"op": "remove", "path": "/list/-1"},
        {"op": "replace", "path": "/absent", "value": 1},
        {"op": "move", "from": "/absent", "path": "/x"},
        {"op": "test", "path": "/text", "value": "b"},
        {"op": "test", "path": "/absent", "value": None},
        {"op": "spread", "path": "/text"},
        {"op": "remove", "path": "text"},
        {"path": "/text"},
    ],
    ids=repr,
)
def test_json_patch_that_does_not_fit_is_refused_and_changes_nothing(operation):
    document = {"list": [1, 2], "text": "a"}
    with pytest.raises(PatchError):
        json_patch(document, [{"op": "remove", "path": "/list/0"}, operation])
    assert document == {"list": [1, 2], "text": "a"}


def json_difference(old, new, path=""):
    """Yield the operations that make `new` of `old`."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old.keys() - new.keys():
            yield {"op": "remove", "path": f"{path}/{escape(key)}"}
        for key, value in new.items():
            if key not in old:
                yield {"op": "add", "path": f"{path}/{escape(key)}", "value": value}
            else:
                yield from json_difference(old[key], value, f"{path}/{escape(key)}")
    elif old != new:
        yield {"op": "replace", "path": path, "value": new}


def escape(token):
    return token.replace("~", "~0").replace("/", "~1")


@given(TABLES, TABLES)
def test_json_patch_of_a_difference_gives_the_other_document(old, new):
    before = copy.deepcopy(old)
    assert json_patch(old, list(json_difference(old, new))) == new
    assert old == before


POD = {
    "containers": [{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}],
    "finalizers": ["x/1"],
    "args": ["1", "2"],
    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
}


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({"args": ["3"]}, {"args": ["3"]}),
        ({"finalizers": ["x/2", "x/1"]}, {"finalizers": ["x/1", "x/2"]}),
        ({"$deleteFromPrimitiveList/finalizers": ["x/1"], "finalizers": ["x/2"]}, {"finalizers": ["x/2"]}),
        ({"finalizers": None}, {"finalizers": None}),
        (
            {"containers": [{"name": "b", "image": "2"}, {"name": "c"}]},
            {"containers": [POD["containers"][0], {"name": "b", "image": "2"}, {"name": "c"}]},
        ),
        (
            {"containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}], "image": None}]},
            {
                "containers": [
                    {"name": "a", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]},
                    {"name": "b"},
                ]
            },
        ),
        ({"containers": [{"name": "a", "$patch": "delete"}]}, {"containers": [{"name": "b"}]}),
        ({"containers": [{"$patch": "replace"}, {"name": "z"}]}, {"containers": [{"name": "z"}]}),
        ({"containers": [{"image": "without a key"}]}, {"containers": [{"image": "without a key"}]}),
        ({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}, {}),
        ({"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}, {"strategy": {"type": "Recreate"}}),
        ({"strategy": {"$patch": "replace", "type": "Recreate"}}, {"strategy": {"type": "Recreate"}}),
        ({"strategy": {"$patch": "delete"}}, {"strategy": None}),
    ],
    ids=lambda value: next(iter(value), "order") if isinstance(value, dict) else "",
)
def test_strategic_merge_patch_follows_the_merge_keys(patch, expected):
    before = copy.deepcopy(POD)
    wanted = {key: value for key, value in (POD | expected).items() if value is not None}
    assert strategic_merge_patch(POD, patch, BUILTIN_LISTS) == wanted
    assert before == POD


def test_strategic_merge_patch_replaces_lists_of_custom_resources():
    assert strategic_merge_patch(POD, {"containers": [{"name": "c"}]}, CUSTOM_LISTS)["containers"] == [{"name": "c"}]


@given(TABLES, TABLES)
def test_strategic_merge_patch_without_keyed_lists_is_a_merge_patch(document, patch):
    assert strategic_merge_patch(document, patch, BUILTIN_LISTS) == merge_patch(document, patch)


@given(st.permutations(["a", "b", "c"]), st.lists(st.sampled_from("abcd"), unique=True))
def test_strategic_merge_patch_keeps_each_key_once(old, new):
    document = {"env": [{"name": name, "value": "old"} for name in old]}
    patch = {"env": [{"name": name, "value": "new"} for name in new]}
    merged = {each["name"]: each["value"] for each in strategic_merge_patch(document, patch, BUILTIN_LISTS)["env"]}
    assert merged == dict.fromkeys(old, "old") | dict.fromkeys(new, "new")
