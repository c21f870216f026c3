import pytest
from kubernetes import client


@pytest.fixture
def config_map(core, namespace):
    metadata = {"name": "c", "labels": {"a": "1", "b": "2"}}
    return core.create_namespaced_config_map(namespace, {"metadata": metadata, "data": {"x": "1"}})


@pytest.fixture
def deployment(api, namespace):
    containers = [{"name": "main", "image": "one", "env": [{"name": "A", "value": "1"}]}]
    containers.append({"name": "side", "image": "two"})
    template = {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": containers}}
    spec = {"selector": {"matchLabels": {"app": "d"}}, "template": template}
    return client.AppsV1Api(api).create_namespaced_deployment(namespace, {"metadata": {"name": "d"}, "spec": spec})


def test_dict_patch_of_a_builtin_kind_merges(core, namespace, config_map):
    patched = core.patch_namespaced_config_map(
        "c", namespace, {"data": {"y": "2"}, "metadata": {"labels": {"a": None}}}
    )
    assert patched.data == {"x": "1", "y": "2"}
    assert patched.metadata.labels == {"b": "2"}
    assert patched.metadata.resource_version != config_map.metadata.resource_version


def test_patch_that_changes_nothing_keeps_the_version(core, namespace, config_map):
    patched = core.patch_namespaced_config_map("c", namespace, {"data": {"x": "1"}})
    assert patched.metadata.resource_version == config_map.metadata.resource_version


def test_list_patch_is_a_json_patch(core, namespace, config_map):
    operations = [
        {"op": "test", "path": "/data/x", "value": "1"},
        {"op": "replace", "path": "/data/x", "value": "2"},
        {"op": "add", "path": "/metadata/labels/overspill.dev~1burst", "value": "b"},
    ]
    patched = core.patch_namespaced_config_map("c", namespace, operations)
    assert patched.data == {"x": "2"}
    assert patched.metadata.labels["overspill.dev/burst"] == "b"


@pytest.mark.parametrize(
    "operation",
    [{"op": "test", "path": "/data/x", "value": "other"}, {"op": "remove", "path": "/data/absent"}],
    ids=["failed test", "absent path"],
)
def test_json_patch_that_does_not_fit_changes_nothing(core, namespace, config_map, refused, operation):
    with refused(422):
        core.patch_namespaced_config_map(
            "c", namespace, [{"op": "replace", "path": "/data/x", "value": "2"}, operation]
        )
    assert core.read_namespaced_config_map("c", namespace).data == {"x": "1"}


def test_patch_with_an_old_version_conflicts(core, namespace, config_map, refused):
    core.patch_namespaced_config_map("c", namespace, {"data": {"x": "2"}})
    with refused(409):
        core.patch_namespaced_config_map(
            "c",
            namespace,
            {"metadata": {"resourceVersion": config_map.metadata.resource_version}, "data": {"x": "3"}},
        )


def test_patch_of_an_absent_object_is_not_found(core, namespace, refused):
    with refused(404):
        core.patch_namespaced_config_map("absent", namespace, {"data": {"x": "2"}})


def test_strategic_patch_merges_containers_by_name(api, namespace, deployment):
    change = {"name": "main", "image": "three", "env": [{"name": "B", "value": "2"}]}
    patch = {"spec": {"template": {"spec": {"containers": [change]}}}}
    patched = client.AppsV1Api(api).patch_namespaced_deployment("d", namespace, patch)
    images = {each.name: each.image for each in patched.spec.template.spec.containers}
    assert images == {"main": "three", "side": "two"}
    main = next(each for each in patched.spec.template.spec.containers if each.name == "main")
    assert {each.name for each in main.env} == {"A", "B"}


def test_strategic_patch_deletes_a_container_by_directive(api, namespace, deployment):
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "side", "$patch": "delete"}]}}}}
    patched = client.AppsV1Api(api).patch_namespaced_deployment("d", namespace, patch)
    assert [each.name for each in patched.spec.template.spec.containers] == ["main"]


def test_dry_run_patch_stores_nothing(core, namespace, config_map):
    dry = core.patch_namespaced_config_map("c", namespace, {"data": {"x": "2"}}, dry_run="All")
    assert dry.data == {"x": "2"}
    assert core.read_namespaced_config_map("c", namespace).data == {"x": "1"}


def test_custom_resource_takes_no_strategic_patch(dynamic_client, make_widget, namespace, refused):
    make_widget()
    resource = dynamic_client.resources.get(api_version="test.overspill.dev/v1", kind="Widget")
    body = {"metadata": {"name": "w"}, "spec": {"size": 3}}
    with refused(415):
        resource.patch(body, namespace=namespace, content_type="application/strategic-merge-patch+json")


def test_custom_resource_takes_a_merge_patch(custom, widgets, make_widget, namespace):
    make_widget(size=2, items=[{"name": "a"}, {"name": "b"}])
    group, version, plural = widgets
    patched = custom.patch_namespaced_custom_object(
        group, version, namespace, plural, "w", {"spec": {"size": 3, "items": [{"name": "c"}]}}
    )
    assert patched["spec"] == {"size": 3, "items": [{"name": "c"}]}
    assert patched["metadata"]["generation"] == 2


def test_merge_patch_that_breaks_the_schema_is_refused(custom, widgets, make_widget, namespace, refused):
    make_widget()
    group, version, plural = widgets
    with refused(422) as status:
        custom.patch_namespaced_custom_object(group, version, namespace, plural, "w", {"spec": {"size": "three"}})
    assert "spec.size" in status["message"]
