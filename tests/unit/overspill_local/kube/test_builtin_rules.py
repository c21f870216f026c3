import base64

import pytest

from overspill_local.kube.builtin_rules import decode_builtin, validate_builtin
from overspill_local.kube.errors import ApiError


@pytest.fixture
def decode(kind):
    def call(plural, **obj):
        return decode_builtin(kind(plural), {"metadata": {"name": "o", "namespace": "n"}, **obj})

    return call


def test_string_data_of_a_secret_outweighs_data(decode):
    secret = decode("secrets", data={"a": "eA==", "b": "eA=="}, stringData={"a": "y"})
    assert {key: base64.b64decode(value) for key, value in secret["data"].items()} == {"a": b"y", "b": b"x"}
    assert "stringData" not in secret


def test_secret_without_data_has_none(decode):
    assert decode("secrets") == {"metadata": {"name": "o", "namespace": "n"}, "type": "Opaque"}


@pytest.mark.parametrize(
    ("plural", "obj"),
    [
        ("secrets", {"data": {"a": "!"}}),
        ("secrets", {"stringData": {"a": 1}}),
        ("configmaps", {"data": {"a": True}}),
        ("leases", {"spec": {"renewTime": "2026-01-02T03:04:05Z"}}),
    ],
)
def test_object_that_cannot_be_decoded_is_refused(decode, plural, obj):
    with pytest.raises(ApiError) as caught:
        decode(plural, **obj)
    assert caught.value.code == 400


def test_address_of_a_service_is_the_same_each_time(decode):
    assert decode("services")["spec"]["clusterIP"] == decode("services")["spec"]["clusterIP"]
    assert decode("services", spec={"clusterIP": "None"})["spec"]["clusterIP"] == "None"
    assert "clusterIP" not in decode("services", spec={"type": "ExternalName"})["spec"]


def test_kind_without_a_rule_is_left_alone(decode):
    assert decode("roles", rules=[{"verbs": 1}])["rules"] == [{"verbs": 1}]


def fields(resource, obj, before=None):
    return [each.field for each in validate_builtin(resource, obj, before)]


def test_key_of_a_config_map_must_be_a_file_name(kind):
    assert fields(kind("configmaps"), {"data": {"a.b-c_d": "", "a/b": ""}}) == ["data[a/b]"]


def test_data_may_change_unless_immutable(kind):
    before = {"data": {"a": "1"}}
    assert fields(kind("configmaps"), {"data": {"a": "2"}}, before) == []
    assert fields(kind("configmaps"), {"data": {"a": "2"}}, before | {"immutable": True}) == ["data"]


def test_deployment_must_select_its_own_pods(kind):
    template = {"metadata": {"labels": {"a": "b", "c": "d"}}}
    good = {"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}}
    bad = {"spec": {"selector": {"matchLabels": {"a": "x"}}, "template": template}}
    assert fields(kind("deployments"), good) == []
    assert fields(kind("deployments"), bad) == ["spec.template.metadata.labels"]
    assert fields(kind("deployments"), {"spec": {"template": template}}) == ["spec.selector"]
