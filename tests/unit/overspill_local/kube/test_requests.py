import pytest

from overspill_local.kube.errors import ApiError
from overspill_local.kube.ownership import Manager
from overspill_local.kube.requests import ResourcePath, ResourceRequest, continue_token, parse_continue, parse_path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/nodes", {"group": "", "plural": "nodes"}),
        ("/api/v1/nodes/n", {"group": "", "plural": "nodes", "name": "n"}),
        ("/api/v1/namespaces", {"group": "", "plural": "namespaces"}),
        ("/api/v1/namespaces/n", {"group": "", "plural": "namespaces", "name": "n"}),
        ("/api/v1/namespaces/n/status", {"group": "", "plural": "namespaces", "name": "n", "subresource": "status"}),
        ("/api/v1/namespaces/n/pods", {"group": "", "plural": "pods", "namespace": "n"}),
        (
            "/api/v1/namespaces/n/pods/p/log",
            {"group": "", "plural": "pods", "namespace": "n", "name": "p", "subresource": "log"},
        ),
        ("/apis/batch/v1/namespaces/n/jobs/j", {"group": "batch", "plural": "jobs", "namespace": "n", "name": "j"}),
        ("/apis/batch/v1/jobs/", {"group": "batch", "plural": "jobs"}),
    ],
)
def test_path_names_a_resource(path, expected):
    assert parse_path(path) == ResourcePath(version="v1", **expected)


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/v1", "/apis", "/apis/batch", "/apis/batch/v1", "/version", "/api/v1/a/b/c/d"]
)
def test_path_of_discovery_names_no_resource(path):
    assert parse_path(path) is None


@pytest.fixture
def request_for(kind):
    def make(plural="configmaps", **more):
        return ResourceRequest(method="POST", resource=kind(plural), **({"query": {}} | more))

    return make


def test_manager_is_the_one_named_else_the_client(request_for):
    assert request_for(query={"fieldManager": "a"}).manager() == Manager("a", "Update")
    assert request_for(user_agent="kubectl/v1.34").manager() == Manager("kubectl", "Update")
    assert request_for(subresource="status").manager("Apply") == Manager("unknown", "Apply", "status")


@pytest.mark.parametrize("text", ["-1", "x", "1.5"])
def test_number_that_is_none_is_refused(request_for, text):
    with pytest.raises(ApiError, match="limit"):
        request_for(query={"limit": text}).number("limit", 0)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b'{"metadata": {"name": "a"}}', "application/json"), (b"metadata: {name: a}", "application/apply-patch+yaml")],
    ids=["JSON", "YAML"],
)
def test_body_of_a_builtin_kind_may_leave_its_type_out(request_for, body, content_type):
    parsed = request_for(body=body, content_type=content_type).object_body()
    assert parsed == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}


def test_times_in_yaml_stay_strings(request_for):
    body = b"at: 2026-01-02T03:04:05.000000Z\ncount: 3\n"
    parsed = request_for(body=body, content_type="application/apply-patch+yaml").parsed_body()
    assert parsed == {"at": "2026-01-02T03:04:05.000000Z", "count": 3}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", "application/json"),
        (b"a: b", "application/json"),
        (b"a: [", "application/apply-patch+yaml"),
        (b"[]", "application/json"),
        (b'{"metadata": 1}', "application/json"),
        (b'{"kind": "Secret", "apiVersion": "v1"}', "application/json"),
        (b'{"kind": "ConfigMap", "apiVersion": "v2"}', "application/json"),
    ],
)
def test_body_that_is_no_such_object_is_refused(request_for, body, content_type):
    with pytest.raises(ApiError) as caught:
        request_for(body=body, content_type=content_type).object_body()
    assert caught.value.code == 400


def test_body_in_protobuf_is_refused_by_its_type(request_for):
    with pytest.raises(ApiError, match="application/json") as caught:
        request_for(body=b"k8s", content_type="application/vnd.kubernetes.protobuf").object_body()
    assert caught.value.code == 415


def test_continue_token_round_trip(create):
    assert parse_continue(continue_token(create("a"))) == ("default", "a")


@pytest.mark.parametrize("token", ["!", "bm8=", "WyJvbmUiXQ=="])
def test_continue_token_that_is_none_is_refused(token):
    with pytest.raises(ApiError, match="continue"):
        parse_continue(token)
