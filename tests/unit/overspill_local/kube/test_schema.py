import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_local.kube import schema

SCHEMA = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^[a-z]*$"},
        "size": {"type": "integer", "default": 1, "minimum": 0, "maximum": 9, "format": "int32"},
        "ratio": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
        "colour": {"type": "string", "enum": ["red", "green"]},
        "since": {"type": "string", "format": "date-time"},
        "note": {"type": "string", "nullable": True},
        "flag": {"type": "boolean"},
        "limit": {"x-kubernetes-int-or-string": True, "pattern": "^[0-9]+Mi$"},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
        "table": {"type": "object", "additionalProperties": {"type": "integer"}},
        "nested": {"type": "object", "properties": {"level": {"type": "integer", "default": 6}}},
        "empty": {"type": "object"},
        "open": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"known": {"type": "object", "properties": {"a": {"type": "integer"}}}},
        },
    },
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 12) | st.floats(0, 2) | st.text("abR", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from([*SCHEMA["properties"], "bogus"]), JSON)


def errors(value):
    return {error.field: error.reason for error in schema.validate(SCHEMA, value)}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"bogus": 1}, {}),
        ({"nested": {"level": 1, "bogus": 1}}, {"nested": {"level": 1}}),
        ({"table": {"any": 1}}, {"table": {"any": 1}}),
        ({"empty": {"bogus": 1}}, {"empty": {}}),
        ({"open": {"any": {"deep": [{"x": 1}]}}}, {"open": {"any": {"deep": [{"x": 1}]}}}),
        ({"open": {"known": {"a": 1, "b": 1}}}, {"open": {"known": {"a": 1}}}),
        ({"nested": "no table"}, {"nested": "no table"}),
        ({"name": {"wrong": "type"}}, {"name": {"wrong": "type"}}),
    ],
)
def test_prune_drops_what_is_not_declared(value, expected):
    assert schema.prune(SCHEMA, value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, {"size": 1}),
        ({"size": 3}, {"size": 3}),
        ({"size": None}, {"size": 1}),
        ({"nested": {}}, {"size": 1, "nested": {"level": 6}}),
        ({"nested": None}, {"size": 1}),
        ({"note": None}, {"size": 1, "note": None}),
        ({"open": {"any": None}}, {"size": 1, "open": {"any": None}}),
    ],
)
def test_defaults_fill_what_is_absent_or_null(value, expected):
    assert schema.with_defaults(SCHEMA, value) == expected


def test_default_is_not_shared_between_objects():
    declared = {"type": "object", "properties": {"a": {"type": "array", "default": []}}}
    schema.with_defaults(declared, {})["a"].append(1)
    assert schema.with_defaults(declared, {}) == {"a": []}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"name": "a"}, {}),
        ({}, {"name": "FieldValueRequired"}),
        ({"name": 1}, {"name": "FieldValueTypeInvalid"}),
        ({"name": None}, {"name": "FieldValueTypeInvalid"}),
        ({"name": ""}, {"name": "FieldValueInvalid"}),
        ({"name": "abcdef"}, {"name": "FieldValueInvalid"}),
        ({"name": "A"}, {"name": "FieldValueInvalid"}),
        ({"name": "a", "size": True}, {"size": "FieldValueTypeInvalid"}),
        ({"name": "a", "size": 1.5}, {"size": "FieldValueTypeInvalid"}),
        ({"name": "a", "size": 2.0}, {}),
        ({"name": "a", "size": -1}, {"size": "FieldValueInvalid"}),
        ({"name": "a", "size": 10}, {"size": "FieldValueInvalid"}),
        ({"name": "a", "ratio": 0}, {"ratio": "FieldValueInvalid"}),
        ({"name": "a", "ratio": 0.5}, {}),
        ({"name": "a", "colour": "blue"}, {"colour": "FieldValueNotSupported"}),
        ({"name": "a", "since": "2026-01-02T03:04:05Z"}, {}),
        ({"name": "a", "since": "2026-01-02T03:04:05"}, {"since": "FieldValueInvalid"}),
        ({"name": "a", "since": "now"}, {"since": "FieldValueInvalid"}),
        ({"name": "a", "note": None}, {}),
        ({"name": "a", "flag": "true"}, {"flag": "FieldValueTypeInvalid"}),
        ({"name": "a", "limit": 5}, {}),
        ({"name": "a", "limit": "5Mi"}, {}),
        ({"name": "a", "limit": "5"}, {"limit": "FieldValueInvalid"}),
        ({"name": "a", "limit": []}, {"limit": "FieldValueTypeInvalid"}),
        ({"name": "a", "tags": []}, {"tags": "FieldValueInvalid"}),
        ({"name": "a", "tags": ["a", "b", "c"]}, {"tags": "FieldValueInvalid"}),
        ({"name": "a", "tags": ["a", 1]}, {"tags[1]": "FieldValueTypeInvalid"}),
        ({"name": "a", "table": {"x": "y"}}, {"table.x": "FieldValueTypeInvalid"}),
    ],
    ids=repr,
)
def test_validate_names_each_wrong_field(value, expected):
    assert errors(value) == expected


@pytest.mark.parametrize(
    ("value", "is_wrong"), [(2**31 - 1, False), (2**31, True), (-(2**31), False), (-(2**31) - 1, True)]
)
def test_int32_is_bounded(value, is_wrong):
    assert bool(list(schema.validate({"type": "integer", "format": "int32"}, value, "size"))) == is_wrong


def test_validate_speaks_as_kube_apiserver():
    (error,) = schema.validate({"type": "integer"}, "two", "spec.size")
    assert str(error) == 'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'


def test_undeclared_fields_are_named_with_their_path():
    declared = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"items": {"type": "array"}}}},
    }
    declared["properties"]["spec"]["properties"]["items"]["items"] = SCHEMA
    value = {"spec": {"items": [{"name": "a"}, {"nam": "a"}], "x": 1}}
    assert list(schema.undeclared_fields(declared, value)) == ["spec.items[1].nam", "spec.x"]


@given(OBJECTS)
def test_conform_changes_nothing_the_second_time(value):
    original = copy.deepcopy(value)
    stored, wrong = schema.conform(SCHEMA, value)
    assert value == original
    assert schema.conform(SCHEMA, stored) == (stored, wrong)


@given(OBJECTS)
def test_pruned_object_has_no_undeclared_fields(value):
    assert not list(schema.undeclared_fields(SCHEMA, schema.prune(SCHEMA, value)))
    if not list(schema.undeclared_fields(SCHEMA, value)):
        assert schema.prune(SCHEMA, value) == value
