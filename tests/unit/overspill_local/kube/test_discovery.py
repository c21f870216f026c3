import pytest

from overspill_local.kube.discovery import discovery_document
from overspill_local.kube.errors import ApiError
from overspill_local.kube.resources import ResourceRegistry


def document(path):
    return discovery_document(path, ResourceRegistry())


def test_every_group_leads_to_its_resources():
    for group in document("/apis")["groups"]:
        assert document(f"/apis/{group['name']}")["versions"] == group["versions"]
        for version in group["versions"]:
            listed = document(f"/apis/{version['groupVersion']}")
            assert listed["groupVersion"] == version["groupVersion"]
            assert listed["resources"]


def test_core_group_lists_subresources_and_short_names():
    listed = {each["name"]: each for each in document("/api/v1")["resources"]}
    assert listed["pods"]["shortNames"] == ["po"]
    assert {"pods/status", "pods/log"} <= listed.keys()
    assert listed["nodes"]["namespaced"] is False


@pytest.mark.parametrize("path", ["/apis/nobody.dev", "/apis/nobody.dev/v1", "/api/v2", "/openapi/v2", "/x"])
def test_unknown_path_is_not_found(path):
    with pytest.raises(ApiError) as caught:
        document(path)
    assert caught.value.code == 404
