import copy

import pytest
from kubernetes import client


def causes(status):
    return {each["field"]: each["reason"] for each in status["details"]["causes"]}


def test_create_prunes_and_defaults(make_widget):
    widget = make_widget(items=[{"name": "a", "bogus": 1}], volumes={"v": {"path": "/x"}}, bogus={"a": 1}, options={})
    assert widget["spec"] == {
        "size": 1,
        "items": [{"name": "a"}],
        "volumes": {"v": {"path": "/x", "readOnly": False}},
        "options": {"level": 6},
    }
    assert widget["metadata"]["generation"] == 1


def test_null_where_none_is_allowed_gives_way_to_the_default(make_widget):
    assert make_widget(size=None, colour=None)["spec"] == {"size": 1, "items": []}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"size": "two"}, {"spec.size": "FieldValueTypeInvalid"}),
        ({"size": -1}, {"spec.size": "FieldValueInvalid"}),
        ({"colour": "blue"}, {"spec.colour": "FieldValueNotSupported"}),
        ({"items": None}, {"spec.items": "FieldValueRequired"}),
        ({"items": [None]}, {"spec.items[0]": "FieldValueTypeInvalid"}),
        ({"volumes": {"v": {}}}, {"spec.volumes.v.path": "FieldValueRequired"}),
        ({"volumes": {"v": {"path": "/x", "readOnly": 1}}}, {"spec.volumes.v.readOnly": "FieldValueTypeInvalid"}),
    ],
    ids=["type", "minimum", "enum", "required", "null item", "required in table", "type in table"],
)
def test_create_that_breaks_the_schema_is_refused_naming_the_field(make_widget, refused, spec, expected):
    with refused(422) as status:
        make_widget(**spec)
    # kube-apiserver may add follow-up errors about the scale's path.
    assert expected.items() <= causes(status).items()


def test_create_without_kind_is_refused(custom, widgets, namespace, refused):
    group, version, plural = widgets
    with refused(400):
        custom.create_namespaced_custom_object(
            group, version, namespace, plural, {"metadata": {"name": "w"}, "spec": {"items": []}}
        )


def test_strict_create_refuses_unknown_fields(custom, widgets, namespace, refused):
    group, version, plural = widgets
    body = {"apiVersion": f"{group}/{version}", "kind": "Widget", "metadata": {"name": "w"}}
    body["spec"] = {"items": [{"bogus": 1}]}
    with refused(400) as status:
        custom.create_namespaced_custom_object(group, version, namespace, plural, body, field_validation="Strict")
    assert 'unknown field "spec.items[0].bogus"' in status["message"]


def test_status_of_a_create_is_dropped(custom, widgets, namespace):
    group, version, plural = widgets
    body = {"apiVersion": f"{group}/{version}", "kind": "Widget", "metadata": {"name": "w"}}
    body |= {"spec": {"items": []}, "status": {"phase": "Up"}}
    assert "status" not in custom.create_namespaced_custom_object(group, version, namespace, plural, body)


def test_status_subresource_changes_the_status_only(custom, widgets, make_widget, namespace):
    group, version, plural = widgets
    widget = make_widget(size=2)
    widget["spec"]["size"], widget["status"] = 9, {"phase": "Up"}
    custom.replace_namespaced_custom_object_status(group, version, namespace, plural, "w", widget)
    stored = custom.get_namespaced_custom_object(group, version, namespace, plural, "w")
    assert (stored["spec"]["size"], stored["status"]) == (2, {"phase": "Up"})
    assert stored["metadata"]["generation"] == 1
    stored["spec"]["size"], stored["status"] = 3, {"phase": "Down"}
    custom.replace_namespaced_custom_object(group, version, namespace, plural, "w", stored)
    stored = custom.get_namespaced_custom_object(group, version, namespace, plural, "w")
    assert (stored["spec"]["size"], stored["status"]) == (3, {"phase": "Up"})
    assert stored["metadata"]["generation"] == 2


def test_replace_without_version_is_refused(custom, widgets, make_widget, namespace, refused):
    group, version, plural = widgets
    widget = make_widget()
    del widget["metadata"]["resourceVersion"]
    with refused(422) as status:
        custom.replace_namespaced_custom_object(group, version, namespace, plural, "w", widget)
    assert "metadata.resourceVersion" in causes(status)


def test_scale_reads_and_sets_the_size(custom, widgets, make_widget, namespace):
    group, version, plural = widgets
    make_widget(size=2)
    custom.patch_namespaced_custom_object_status(
        group, version, namespace, plural, "w", {"status": {"size": 1, "selector": "app=w"}}
    )
    scale = custom.get_namespaced_custom_object_scale(group, version, namespace, plural, "w")
    assert (scale["kind"], scale["spec"], scale["status"]) == (
        "Scale",
        {"replicas": 2},
        {"replicas": 1, "selector": "app=w"},
    )
    custom.patch_namespaced_custom_object_scale(group, version, namespace, plural, "w", {"spec": {"replicas": 5}})
    assert custom.get_namespaced_custom_object(group, version, namespace, plural, "w")["spec"]["size"] == 5


@pytest.fixture
def gadgets(api, eventually):
    """A definition that a test may change and delete."""
    extensions = client.ApiextensionsV1Api(api)
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"a": {"type": "string"}}}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"}
    spec = {"group": "test.overspill.dev", "scope": "Namespaced", "names": names, "versions": [version]}
    definition = {"metadata": {"name": "gadgets.test.overspill.dev"}, "spec": spec}
    extensions.create_custom_resource_definition(definition)
    yield definition
    if any(
        each.metadata.name == "gadgets.test.overspill.dev"
        for each in extensions.list_custom_resource_definition().items
    ):
        extensions.delete_custom_resource_definition("gadgets.test.overspill.dev")
    eventually(lambda: "gadgets.test.overspill.dev" not in _definitions(extensions), "the definition is gone")


def _definitions(extensions):
    return {each.metadata.name for each in extensions.list_custom_resource_definition().items}


def test_definition_is_established_updated_and_deleted(api, custom, gadgets, namespace, eventually):
    extensions = client.ApiextensionsV1Api(api)
    name = "gadgets.test.overspill.dev"
    path = ("test.overspill.dev", "v1", namespace, "gadgets")

    def is_established():
        status = extensions.read_custom_resource_definition(name).status
        return {"Established", "NamesAccepted"} <= {
            each.type for each in (status and status.conditions) or [] if each.status == "True"
        }

    def create(spec):
        body = {"apiVersion": "test.overspill.dev/v1", "kind": "Gadget", "metadata": {"generateName": "g-"}}
        try:
            return custom.create_namespaced_custom_object(*path, body | {"spec": spec})["spec"]
        except client.ApiException as error:
            return error.status

    eventually(is_established, "the definition is established")
    eventually(lambda: create({"a": "x", "b": 1}) == {"a": "x"}, "the kind is served")
    changed = copy.deepcopy(gadgets["spec"])
    changed["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["b"] = {"type": "integer"}
    extensions.patch_custom_resource_definition(name, {"spec": changed})
    eventually(lambda: create({"a": "x", "b": 1}) == {"a": "x", "b": 1}, "the new schema holds")
    extensions.delete_custom_resource_definition(name)
    eventually(lambda: name not in _definitions(extensions), "the definition is gone")
    eventually(lambda: create({}) == 404, "the kind is served no more")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda body: body["metadata"].update(name="other.test.overspill.dev"), "metadata.name"),
        (lambda body: body["spec"]["versions"][0].update(storage=False), "spec.versions"),
        (
            lambda body: body["spec"]["versions"][0]["schema"]["openAPIV3Schema"].update(properties={"spec": {}}),
            "openAPIV3Schema.properties[spec].type",
        ),
    ],
    ids=["name", "no storage version", "not structural"],
)
def test_definition_that_cannot_be_served_is_refused(api, widgets, refused, change, field):
    names = {"plural": "others", "singular": "other", "kind": "Other", "listKind": "OtherList"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    spec = {"group": "test.overspill.dev", "scope": "Namespaced", "names": names, "versions": [version]}
    body = {"metadata": {"name": "others.test.overspill.dev"}, "spec": spec}
    change(body)
    with refused(422) as status:
        client.ApiextensionsV1Api(api).create_custom_resource_definition(body)
    assert any(field in each for each in causes(status))
