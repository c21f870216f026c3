import pytest
from kubernetes import client


def owned_by(owner, **more):
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": owner.metadata.name,
        "uid": owner.metadata.uid,
        **more,
    }
    return [reference]


@pytest.fixture
def make(core, namespace):
    """Return a factory of config maps in the test's namespace."""

    def factory(name, **metadata):
        return core.create_namespaced_config_map(namespace, {"metadata": {"name": name, **metadata}})

    return factory


@pytest.fixture
def names(core, namespace):
    """Return a function that lists the config maps there are."""
    return lambda: {each.metadata.name for each in core.list_namespaced_config_map(namespace).items}


def test_delete_removes_at_once(core, namespace, make, refused):
    make("a")
    assert core.delete_namespaced_config_map("a", namespace).status == "Success"
    with refused(404):
        core.delete_namespaced_config_map("a", namespace)


def test_delete_with_another_uid_or_version_conflicts(core, namespace, make, refused):
    created = make("a")
    core.patch_namespaced_config_map("a", namespace, {"data": {"x": "1"}})
    for precondition in ({"uid": "another"}, {"resourceVersion": created.metadata.resource_version}):
        with refused(409):
            core.delete_namespaced_config_map("a", namespace, body={"preconditions": precondition})
    core.delete_namespaced_config_map("a", namespace, body={"preconditions": {"uid": created.metadata.uid}})


def test_delete_waits_for_finalizers(core, namespace, make, names, refused):
    make("a", finalizers=["overspill.dev/hold"])
    core.delete_namespaced_config_map("a", namespace)
    held = core.read_namespaced_config_map("a", namespace)
    assert held.metadata.deletion_timestamp
    with refused(422):
        more = {"metadata": {"finalizers": ["overspill.dev/hold", "overspill.dev/more"]}}
        core.patch_namespaced_config_map("a", namespace, more)
    core.patch_namespaced_config_map("a", namespace, [{"op": "remove", "path": "/metadata/finalizers"}])
    assert "a" not in names()


def test_delete_collection_takes_what_is_selected(core, namespace, make, names):
    make("a", labels={"colour": "red"})
    make("b", labels={"colour": "green"})
    core.delete_collection_namespaced_config_map(namespace, label_selector="colour=red")
    assert {"a", "b"} & names() == {"b"}


def test_dependents_go_with_their_owner(core, namespace, make, names, needs_controllers):
    owner = make("owner")
    dependent = make("dependent", ownerReferences=owned_by(owner))
    make("grandchild", ownerReferences=owned_by(dependent))
    make("other")
    core.delete_namespaced_config_map("owner", namespace)
    assert names() == {"other"}


def test_dependent_stays_while_one_owner_is_left(core, namespace, make, names, needs_controllers):
    first, second = make("first"), make("second")
    make("dependent", ownerReferences=owned_by(first) + owned_by(second))
    core.delete_namespaced_config_map("first", namespace)
    assert "dependent" in names()
    core.delete_namespaced_config_map("second", namespace)
    assert "dependent" not in names()


def test_orphaned_dependents_stay_without_reference(core, namespace, make, names, needs_controllers):
    make("dependent", ownerReferences=owned_by(make("owner")))
    core.delete_namespaced_config_map("owner", namespace, propagation_policy="Orphan")
    assert core.read_namespaced_config_map("dependent", namespace).metadata.owner_references is None


def test_foreground_deletion_waits_for_dependents(core, namespace, make, names, needs_controllers):
    make("dependent", ownerReferences=owned_by(make("owner")), finalizers=["overspill.dev/hold"])
    core.delete_namespaced_config_map("owner", namespace, propagation_policy="Foreground")
    assert core.read_namespaced_config_map("owner", namespace).metadata.finalizers == ["foregroundDeletion"]
    core.patch_namespaced_config_map("dependent", namespace, [{"op": "remove", "path": "/metadata/finalizers"}])
    assert not {"owner", "dependent"} & names()


def test_dependent_of_an_owner_long_gone_is_collected(core, namespace, make, names, needs_controllers):
    owner = make("owner")
    core.delete_namespaced_config_map("owner", namespace)
    make("late", ownerReferences=owned_by(owner))
    assert "late" not in names()


def test_terminating_namespace_takes_nothing_new(core, namespace, make, refused):
    make("held", finalizers=["overspill.dev/hold"])
    core.delete_namespace(namespace)
    assert core.read_namespace(namespace).status.phase == "Terminating"
    with refused(403):
        make("new")


def test_namespace_goes_once_it_is_empty(core, namespace, make, refused, needs_controllers):
    make("plain")
    make("held", finalizers=["overspill.dev/hold"])
    core.delete_namespace(namespace)
    assert {each.metadata.name for each in core.list_namespaced_config_map(namespace).items} == {"held"}
    core.patch_namespaced_config_map("held", namespace, [{"op": "remove", "path": "/metadata/finalizers"}])
    with refused(404):
        core.read_namespace(namespace)


def test_system_namespace_cannot_be_deleted(core, refused):
    with refused(403):
        core.delete_namespace("kube-system")


def test_pods_of_a_custom_resource_go_with_it(core, custom, widgets, make_widget, namespace, needs_controllers):
    widget = make_widget()
    reference = {"apiVersion": "test.overspill.dev/v1", "kind": "Widget", "name": "w", "uid": widget["metadata"]["uid"]}
    pod = {
        "metadata": {"name": "w-0", "ownerReferences": [reference]},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }
    core.create_namespaced_pod(namespace, pod)
    group, version, plural = widgets
    custom.delete_namespaced_custom_object(group, version, namespace, plural, "w")
    assert core.list_namespaced_pod(namespace).items == []


def test_delete_options_model_is_understood(core, namespace, make, names):
    make("a")
    options = client.V1DeleteOptions(propagation_policy="Background", grace_period_seconds=0)
    core.delete_namespaced_config_map("a", namespace, body=options)
    assert "a" not in names()
