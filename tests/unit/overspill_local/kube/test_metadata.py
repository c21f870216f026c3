import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_local.kube import metadata
from overspill_local.kube.metadata import generated_name, metadata_errors, wrongly_typed
from overspill_local.kube.resources import ResourceRegistry

REGISTRY = {each.kind: each for each in ResourceRegistry()}


def fields(kind="ConfigMap", **given_metadata):
    return [each.field for each in metadata_errors(REGISTRY[kind], {"name": "o", **given_metadata})]


@pytest.mark.parametrize(
    ("kind", "name", "is_good"),
    [
        ("ConfigMap", "a.b-c.d", True),
        ("ConfigMap", "a_b", False),
        ("ConfigMap", "-a", False),
        ("ConfigMap", "a..b", False),
        ("ConfigMap", "a" * 253, True),
        ("ConfigMap", "a" * 254, False),
        ("Namespace", "a.b", False),
        ("Namespace", "a" * 63, True),
        ("Namespace", "a" * 64, False),
        ("Role", "system:Reader_1", True),
        ("Role", "a/b", False),
        ("Role", "..", False),
    ],
)
def test_name_follows_the_rule_of_its_kind(kind, name, is_good):
    assert fields(kind, name=name) == ([] if is_good else ["metadata.name"])


@pytest.mark.parametrize(
    ("labels", "is_good"),
    [
        ({"a": ""}, True),
        ({"overspill.dev/burst-id": "B_1.x-y"}, True),
        ({"a" * 63: "b" * 63}, True),
        ({"a" * 64: "b"}, False),
        ({"a": "b" * 64}, False),
        ({"a": "-b"}, False),
        ({"a": "b c"}, False),
        ({"/a": "b"}, False),
        ({"Upper.dev/a": "b"}, False),
        ({"x/": "b"}, False),
    ],
)
def test_label_follows_the_syntax(labels, is_good):
    assert fields(labels=labels) == ([] if is_good else ["metadata.labels"])


def test_finalizer_must_be_qualified_or_known():
    assert fields(finalizers=["foregroundDeletion", "x.dev/hold"]) == []
    assert fields(finalizers=["x.dev/hold", "hold"]) == ["metadata.finalizers[1]"]


def test_only_strings_may_be_labels():
    assert wrongly_typed({"labels": {"a": "1"}, "annotations": None}) is None
    assert wrongly_typed({"annotations": {"a": 1}}) == "metadata.annotations"


@given(st.from_regex(r"[a-z]([-a-z0-9]{0,80}[a-z0-9])?-?", fullmatch=True))
def test_generated_name_is_always_a_name(prefix):
    assert fields("Namespace", name=generated_name(prefix, "x7k2q")) == []


def test_examples_hold():
    assert doctest.testmod(metadata).failed == 0
