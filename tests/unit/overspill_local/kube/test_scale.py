import pytest

from overspill_local.kube.errors import ApiError
from overspill_local.kube.scale import read_scale, with_scale

METADATA = {"name": "o", "namespace": "n", "uid": "u", "resourceVersion": "7", "labels": {"a": "b"}}


@pytest.fixture
def widgets(store, kind, definition):
    store.create(definition)
    return kind("widgets")


def test_scale_shows_what_the_paths_lead_to(widgets):
    scale = read_scale(widgets, {"metadata": METADATA, "spec": {"size": 2}, "status": {"size": 1, "selector": "a=b"}})
    assert (scale["spec"], scale["status"]) == ({"replicas": 2}, {"replicas": 1, "selector": "a=b"})
    assert scale["metadata"] == {key: value for key, value in METADATA.items() if key != "labels"}


def test_scale_of_an_object_without_status_is_zero(widgets):
    scale = read_scale(widgets, {"metadata": METADATA})
    assert (scale["spec"], scale["status"]) == ({"replicas": 0}, {"replicas": 0})


def test_scale_sets_replicas_and_nothing_else(widgets):
    obj = {"metadata": METADATA, "spec": {"size": 2, "other": 1}}
    scaled = with_scale(widgets, obj, {"metadata": {"resourceVersion": "3"}, "spec": {"replicas": 5}})
    assert scaled["spec"] == {"size": 5, "other": 1}
    assert scaled["metadata"]["resourceVersion"] == "3"
    assert obj["spec"]["size"] == 2


@pytest.mark.parametrize("replicas", [None, -1, "2", True])
def test_scale_to_what_is_no_count_is_refused(widgets, replicas):
    with pytest.raises(ApiError, match=r"spec\.replicas"):
        with_scale(widgets, {"metadata": METADATA, "spec": {}}, {"spec": {"replicas": replicas}})


def test_kind_without_scale_has_no_such_path(kind):
    with pytest.raises(ApiError) as caught:
        read_scale(kind("jobs"), {"metadata": METADATA})
    assert caught.value.code == 404
