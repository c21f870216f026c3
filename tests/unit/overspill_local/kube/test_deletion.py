import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_local.kube import KubeStore


def reference(owner):
    metadata = owner["metadata"]
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": metadata["name"], "uid": metadata["uid"]}


@pytest.fixture
def names(store, kind):
    return lambda: {each["metadata"]["name"] for each in store.list_objects(kind("configmaps"))}


def release(store, kind, name):
    """Take the finalizers of a config map away."""
    obj = store.get(kind("configmaps"), "default", name)
    metadata = {key: value for key, value in obj["metadata"].items() if key != "finalizers"}
    return store.update(kind("configmaps"), obj, obj | {"metadata": metadata})


def test_terminating_object_is_marked_once(store, create, kind):
    held = store.delete(kind("configmaps"), create("a", finalizers=["x/hold"]))
    assert held["metadata"]["deletionTimestamp"]
    assert store.delete(kind("configmaps"), held) is held


def test_released_object_goes_and_takes_its_dependents(store, create, kind, names):
    owner = create("owner", finalizers=["x/hold"])
    create("dependent", ownerReferences=[reference(owner)])
    store.delete(kind("configmaps"), owner)
    assert names() == {"owner", "dependent"}
    release(store, kind, "owner")
    assert names() == set()


def test_cycle_of_owners_ends(store, create, kind, names):
    first = create("first")
    second = create("second", ownerReferences=[reference(first)])
    store.update(
        kind("configmaps"),
        first,
        first | {"metadata": first["metadata"] | {"ownerReferences": [reference(second)]}},
    )
    store.delete(kind("configmaps"), store.get(kind("configmaps"), "default", "first"))
    assert names() == set()


def test_foreground_owner_without_dependents_goes_at_once(store, create, kind, names):
    store.delete(kind("configmaps"), create("a"), "Foreground")
    assert names() == set()


def test_foreground_owner_goes_after_its_last_dependent(store, create, kind, names):
    owner = create("owner")
    for name in ("one", "two"):
        create(name, ownerReferences=[reference(owner)], finalizers=["x/hold"])
    store.delete(kind("configmaps"), owner, "Foreground")
    release(store, kind, "one")
    assert names() == {"owner", "two"}
    release(store, kind, "two")
    assert names() == set()


def test_definition_waits_for_its_objects(store, kind, definition):
    created = store.create(definition)
    widgets = kind("widgets")
    body = {"apiVersion": "test.dev/v1", "kind": "Widget", "metadata": {"name": "w", "finalizers": ["x/hold"]}}
    store.create(body, "default")
    store.delete(kind("customresourcedefinitions"), created)
    held = store.get(widgets, "default", "w")
    assert held["metadata"]["deletionTimestamp"]
    metadata = {key: value for key, value in held["metadata"].items() if key != "finalizers"}
    store.update(widgets, held, held | {"metadata": metadata})
    assert store.resources.find("test.dev", "v1", "widgets") is None


def test_namespace_deletion_is_told_in_order(store, kind, create):
    namespace = store.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}})
    store.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}, "n")
    before = store.revision
    terminating = store.delete(kind("namespaces"), namespace)
    changes = [*store.journal(kind("namespaces")).since(before), *store.journal(kind("configmaps")).since(before)]
    told = [(each.type, each.obj["metadata"]["name"]) for each in sorted(changes, key=lambda each: each.revision)]
    assert told == [("MODIFIED", "n"), ("DELETED", "c"), ("DELETED", "n")]
    assert terminating["status"]["phase"] == "Terminating"


@given(st.lists(st.sets(st.integers(0, 7), max_size=3), min_size=1, max_size=8), st.integers(0, 7))
def test_nothing_outlives_its_last_owner(owners_of, doomed):
    store = KubeStore()
    resource = store.resources.find("", "v1", "configmaps")
    objects = []
    for index, owners in enumerate(owners_of):
        references = [reference(objects[owner]) for owner in sorted(owners) if owner < index]
        metadata = {"name": f"c{index}"} | ({"ownerReferences": references} if references else {})
        objects.append(store.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}, "default"))
    store.delete(resource, objects[doomed % len(objects)])
    left = store.list_objects(resource)
    uids = {each["metadata"]["uid"] for each in left}
    for each in left:
        references = each["metadata"].get("ownerReferences", [])
        assert not references or any(owner["uid"] in uids for owner in references)
    expected = survivors(owners_of, doomed % len(objects))
    assert {each["metadata"]["name"] for each in left} == {f"c{index}" for index in expected}


def survivors(owners_of, doomed):
    """Return which objects have, directly or not, an owner that is left, or never had one."""
    alive = set()
    for index, owners in enumerate(owners_of):
        earlier = {owner for owner in owners if owner < index}
        if index != doomed and (not earlier or earlier & alive):
            alive.add(index)
    return alive
