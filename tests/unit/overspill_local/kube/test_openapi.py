import pytest

from overspill_local.kube.errors import ApiError
from overspill_local.kube.openapi import openapi_document
from overspill_local.kube.resources import ResourceRegistry


def test_every_kind_takes_strict_validation_in_its_patch():
    registry = ResourceRegistry()
    root = openapi_document(["v3"], registry)
    told = set()
    for entry in root["paths"].values():
        segments = [part for part in entry["serverRelativeURL"].split("/") if part]
        for item in openapi_document(segments[1:], registry)["paths"].values():
            assert "fieldValidation" in {each["name"] for each in item["patch"]["parameters"]}
            kind = item["patch"]["x-kubernetes-group-version-kind"]
            told.add((kind["group"], kind["version"], kind["kind"]))
    assert told == {(each.group, each.version, each.kind) for each in registry}


@pytest.mark.parametrize("path", [[], ["v2"], ["v3", "apis", "nobody.dev", "v1"]])
def test_unknown_document_is_not_found(path):
    with pytest.raises(ApiError):
        openapi_document(path, ResourceRegistry())
