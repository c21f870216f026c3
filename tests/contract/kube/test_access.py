import pytest
from kubernetes import client
from kubernetes.client import ApiException


def test_token_not_valid_is_unauthorized(connect, refused):
    with refused(401) as status:
        client.CoreV1Api(connect("another-token")).list_namespace()
    assert status["reason"] == "Unauthorized"


def test_certificate_of_another_authority_is_refused_by_the_client(backend):
    configuration = client.Configuration()
    configuration.host = backend.host
    configuration.retries = False
    with client.ApiClient(configuration) as stranger, pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
        client.CoreV1Api(stranger).list_namespace()


def test_readiness_is_told(api):
    assert api.call_api("/readyz", "GET", response_type="str", auth_settings=["BearerToken"])[1] == 200


def test_version_is_told(api):
    assert client.VersionApi(api).get_code().major == "1"


def test_discovery_lists_kinds_with_their_subresources(api, widgets):
    apps = {each.name: each.kind for each in client.AppsV1Api(api).get_api_resources().resources}
    assert apps["deployments"] == "Deployment"
    assert apps["deployments/scale"] == "Scale"
    listed = client.CustomObjectsApi(api).get_api_resources(*widgets[:2])
    assert {each.name for each in listed.resources} == {"widgets", "widgets/status", "widgets/scale"}


def test_discovery_lists_groups(api, widgets):
    groups = {each.name: each.preferred_version.version for each in client.ApisApi(api).get_api_versions().groups}
    assert groups["apps"] == "v1"
    assert groups["test.overspill.dev"] == "v1"


def test_dynamic_client_finds_a_custom_kind(dynamic_client, widgets):
    found = dynamic_client.resources.get(api_version="test.overspill.dev/v1", kind="Widget")
    assert (found.name, found.namespaced) == ("widgets", True)


@pytest.mark.parametrize("path", ["/apis/nobody.dev/v1/things", "/api/v1/namespaces/default/nothings/x"])
def test_unknown_kind_is_not_found(api, path):
    with pytest.raises(ApiException) as caught:
        api.call_api(path, "GET", auth_settings=["BearerToken"])
    assert caught.value.status == 404
