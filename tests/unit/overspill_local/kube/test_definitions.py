import copy

import pytest

from overspill_local.kube.definitions import declared_resources, definition_errors, established


def test_definition_declares_its_served_versions(definition):
    spec = definition["spec"]
    old = spec["versions"][0] | {"name": "v0", "served": False, "storage": False}
    (resource,) = declared_resources(definition | {"spec": spec | {"versions": [old, *spec["versions"]]}})
    assert (resource.api_version, resource.plural, resource.namespaced) == ("test.dev/v1", "widgets", True)
    assert (resource.subresources, resource.short_names) == (("scale",), ("w",))
    assert resource.scale.replicas == ("spec", "size")
    assert resource.scale.selector == ("status", "selector")


def test_definition_is_established_since_it_first_was(definition):
    first = established(definition, None, "then")
    assert {each["type"]: each["status"] for each in first["status"]["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    assert first["status"]["storedVersions"] == ["v1"]
    assert established(definition, first, "now") == first


def test_good_definition_has_no_errors(definition):
    assert list(definition_errors(definition, None)) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda each: each["spec"].pop("names"), "spec.names"),
        (lambda each: each["metadata"].update(name="w.test.dev"), "metadata.name"),
        (lambda each: each["spec"]["versions"].append(each["spec"]["versions"][0]), "spec.versions"),
        (lambda each: each["spec"]["versions"][0].pop("schema"), "spec.versions[0].schema.openAPIV3Schema"),
        (
            lambda each: each["spec"]["versions"][0]["schema"]["openAPIV3Schema"].update(
                properties={"a": {"type": "array", "items": {}}}
            ),
            "spec.versions[0].schema.openAPIV3Schema.properties[a].items.type",
        ),
    ],
    ids=["no names", "name", "two storage versions", "no schema", "item without type"],
)
def test_definition_that_cannot_be_served_names_the_field(definition, change, field):
    changed = copy.deepcopy(definition)
    change(changed)
    assert [each.field for each in definition_errors(changed, None)] == [field]
