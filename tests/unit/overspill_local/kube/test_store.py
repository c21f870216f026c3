from datetime import timedelta

import pytest

from overspill_local.kube import ApiError, KubeStore
from overspill_local.kube.ownership import Manager


def test_store_starts_with_the_system_namespaces(store, kind):
    names = [each["metadata"]["name"] for each in store.list_objects(kind("namespaces"))]
    assert names == ["default", "kube-node-lease", "kube-public", "kube-system"]


def test_node_is_seeded_with_its_status(store, kind):
    body = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "status": {"phase": "Up"}}
    store.create(body)
    assert store.get(kind("nodes"), None, "n")["status"] == {"phase": "Up"}


def test_created_object_is_stamped_by_the_clock(create):
    assert create("a")["metadata"]["creationTimestamp"] == "2026-01-02T03:04:05Z"


def test_create_leaves_its_argument_alone(store, kind):
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}}
    created = store.create(body, "default")
    body["data"]["x"] = "2"
    assert created["data"] == {"x": "1"}
    assert "uid" not in body["metadata"]


def test_create_of_an_unknown_kind_is_not_found(store):
    with pytest.raises(ApiError) as caught:
        store.create({"apiVersion": "nobody.dev/v1", "kind": "Thing", "metadata": {"name": "x"}})
    assert caught.value.code == 404


def test_revisions_only_rise(store, create, kind):
    first, second = create("a"), create("b")
    gone = store.delete(kind("configmaps"), first)
    revisions = [int(each["metadata"]["resourceVersion"]) for each in (first, second, gone)]
    assert revisions == sorted(set(revisions))
    assert store.revision == revisions[-1]


def test_update_of_a_later_second_that_changes_nothing_keeps_the_object(store, create, kind, clock):
    created = create("a", labels={"x": "1"})
    clock.now += timedelta(seconds=5)
    assert store.update(kind("configmaps"), created, created) is created


def test_update_cannot_change_identity(store, create, kind):
    created = create("a")
    desired = created | {
        "metadata": created["metadata"] | {"uid": "other", "creationTimestamp": "never"},
        "data": {"x": "1"},
    }
    updated = store.update(kind("configmaps"), created, desired)
    assert updated["metadata"]["uid"] == created["metadata"]["uid"]
    assert updated["metadata"]["creationTimestamp"] == created["metadata"]["creationTimestamp"]


def test_definition_keeps_its_established_time(store, kind, definition, clock):
    created = store.create(definition)
    clock.now += timedelta(seconds=5)
    changed = store.update(
        kind("customresourcedefinitions"),
        created,
        created | {"metadata": {**created["metadata"], "labels": {"a": "b"}}},
    )
    assert changed["status"] == created["status"]


def test_definition_serves_and_withdraws_its_kind(store, kind, definition):
    created = store.create(definition)
    widget = {"apiVersion": "test.dev/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 1, "x": 1}}
    assert store.create(widget, "default")["spec"] == {"size": 1}
    store.delete(kind("customresourcedefinitions"), created)
    assert store.resources.find("test.dev", "v1", "widgets") is None
    with pytest.raises(ApiError):
        store.create(widget, "default")
    store.create(definition)
    assert store.list_objects(kind("widgets")) == []


def test_writer_is_recorded(store):
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}}
    created = store.create(body, "default", manager=Manager("agent"))
    (entry,) = created["metadata"]["managedFields"]
    assert (entry["manager"], entry["fieldsV1"]) == ("agent", {"f:data": {"f:x": {}}})


def test_empty_metadata_is_not_stored(create):
    metadata = create("a", labels={}, finalizers=[], annotations=None)["metadata"]
    assert not {"labels", "finalizers", "annotations"} & metadata.keys()


def test_stores_are_independent(store):
    other = KubeStore()
    other.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "only-there"}})
    assert store.find(store.resources.find("", "v1", "namespaces"), None, "only-there") is None
