import base64

import pytest
from kubernetes import client


def test_create_fills_in_system_metadata(core, namespace):
    created = core.create_namespaced_config_map(namespace, {"metadata": {"name": "c"}, "data": {"a": "1"}})
    assert created.metadata.uid
    assert created.metadata.creation_timestamp
    assert int(created.metadata.resource_version) > 0
    assert core.read_namespaced_config_map("c", namespace).data == {"a": "1"}


def test_create_with_generate_name_picks_a_free_name(core, namespace):
    names = {
        core.create_namespaced_config_map(namespace, {"metadata": {"generateName": "c-"}}).metadata.name
        for _ in range(3)
    }
    assert len(names) == 3
    assert all(name.startswith("c-") for name in names)


def test_create_twice_already_exists(core, namespace, refused):
    core.create_namespaced_secret(namespace, {"metadata": {"name": "s"}})
    with refused(409) as status:
        core.create_namespaced_secret(namespace, {"metadata": {"name": "s"}})
    assert status["reason"] == "AlreadyExists"


def test_create_in_absent_namespace_is_not_found(core, refused):
    with refused(404):
        core.create_namespaced_secret("nowhere", {"metadata": {"name": "s"}})


def test_create_for_another_namespace_is_refused(core, namespace, refused):
    with refused(400):
        core.create_namespaced_secret(namespace, {"metadata": {"name": "s", "namespace": "default"}})


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({}, "metadata.name"),
        ({"name": "Upper"}, "metadata.name"),
        ({"name": "c", "labels": {"burst": "no spaces"}}, "metadata.labels"),
        ({"name": "c", "labels": {"burst": "x" * 64}}, "metadata.labels"),
        ({"name": "c", "annotations": {"not a key": ""}}, "metadata.annotations"),
        ({"name": "c", "finalizers": ["unqualified"]}, "metadata.finalizers[0]"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_create_with_bad_metadata_is_refused_naming_the_field(core, namespace, refused, metadata, field):
    with refused(422) as status:
        core.create_namespaced_config_map(namespace, {"metadata": metadata})
    assert field in {cause["field"] for cause in status["details"]["causes"]}


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"name": "c"}, "data": {"a": 1}},
        {"metadata": {"name": "c", "labels": {"a": 1}}},
        {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "c"}},
    ],
    ids=["number in data", "number in labels", "another kind"],
)
def test_create_of_what_cannot_be_decoded_is_refused(core, namespace, refused, body):
    with refused(400):
        core.create_namespaced_config_map(namespace, body)


def test_dry_run_create_stores_nothing(core, namespace, refused):
    dry = core.create_namespaced_config_map(namespace, {"metadata": {"name": "c"}}, dry_run="All")
    assert dry.metadata.uid
    with refused(404):
        core.read_namespaced_config_map("c", namespace)


def test_dry_run_delete_keeps_the_object(core, namespace):
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "c"}})
    core.delete_namespaced_config_map("c", namespace, dry_run="All")
    assert core.read_namespaced_config_map("c", namespace)


def test_replace_with_an_old_version_conflicts(core, namespace, refused):
    first = core.create_namespaced_config_map(namespace, {"metadata": {"name": "c"}, "data": {"a": "1"}})
    core.patch_namespaced_config_map("c", namespace, {"data": {"a": "2"}})
    first.data = {"a": "3"}
    with refused(409) as status:
        core.replace_namespaced_config_map("c", namespace, first)
    assert status["reason"] == "Conflict"
    assert core.read_namespaced_config_map("c", namespace).data == {"a": "2"}


def test_replace_that_changes_nothing_keeps_the_version(core, namespace):
    first = core.create_namespaced_config_map(namespace, {"metadata": {"name": "c"}, "data": {"a": "1"}})
    again = core.replace_namespaced_config_map("c", namespace, first)
    assert again.metadata.resource_version == first.metadata.resource_version


def test_replace_of_another_name_is_refused(core, namespace, refused):
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "c"}})
    with refused(400):
        core.replace_namespaced_config_map("c", namespace, {"metadata": {"name": "d"}})


def test_list_selects_by_label_and_field(core, namespace):
    for name, colour in (("a", "red"), ("b", "green"), ("c", "blue")):
        metadata = {"name": name, "labels": {"colour": colour}}
        core.create_namespaced_config_map(namespace, {"metadata": metadata})

    def names(**selectors):
        return [each.metadata.name for each in core.list_namespaced_config_map(namespace, **selectors).items]

    assert names(label_selector="colour in (red, green)") == ["a", "b"]
    assert names(label_selector="colour!=red,colour") == ["b", "c"]
    assert names(field_selector="metadata.name=b") == ["b"]
    assert names(field_selector="metadata.name!=b", label_selector="colour") == ["a", "c"]


@pytest.mark.parametrize("selector", [{"field_selector": "data.a=b"}, {"label_selector": "a b"}])
def test_list_with_unsupported_selector_is_refused(core, namespace, refused, selector):
    with refused(400):
        core.list_namespaced_config_map(namespace, **selector)


def test_list_in_pages_gives_everything_once(core, namespace):
    for index in range(5):
        core.create_namespaced_config_map(namespace, {"metadata": {"name": f"c{index}"}})
    names, token = [], None
    while True:
        page = core.list_namespaced_config_map(namespace, limit=2, _continue=token)
        names += [each.metadata.name for each in page.items]
        token = page.metadata._continue
        if not token:
            break
    assert names == ["c0", "c1", "c2", "c3", "c4"]


def test_list_with_bad_continue_token_is_refused(core, namespace, refused):
    with refused(400):
        core.list_namespaced_config_map(namespace, limit=2, _continue="bad")


def test_list_over_all_namespaces_finds_each(core, namespace):
    other = core.create_namespace({"metadata": {"generateName": "case-"}}).metadata.name
    for each in (namespace, other):
        core.create_namespaced_secret(each, {"metadata": {"name": "s", "labels": {"of": namespace}}})
    found = core.list_secret_for_all_namespaces(label_selector=f"of={namespace}").items
    assert {each.metadata.namespace for each in found} == {namespace, other}


def test_secret_string_data_is_stored_encoded(core, namespace):
    core.create_namespaced_secret(namespace, {"metadata": {"name": "s"}, "stringData": {"curve.cert": "key"}})
    stored = core.read_namespaced_secret("s", namespace)
    assert base64.b64decode(stored.data["curve.cert"]) == b"key"
    assert (stored.type, stored.string_data) == ("Opaque", None)


def test_secret_with_data_that_is_not_base64_is_refused(core, namespace, refused):
    with refused(400):
        core.create_namespaced_secret(namespace, {"metadata": {"name": "s"}, "data": {"a": "!!"}})


def test_immutable_secret_cannot_change(core, namespace, refused):
    core.create_namespaced_secret(namespace, {"metadata": {"name": "s"}, "stringData": {"a": "1"}, "immutable": True})
    with refused(422):
        core.patch_namespaced_secret("s", namespace, {"stringData": {"a": "2"}})


def test_namespace_carries_its_name_as_label(core, namespace):
    stored = core.read_namespace(namespace)
    assert stored.metadata.labels["kubernetes.io/metadata.name"] == namespace
    assert stored.status.phase == "Active"


def test_service_gets_an_address(core, namespace):
    body = {"metadata": {"name": "lead"}, "spec": {"selector": {"a": "b"}, "ports": [{"port": 8050}]}}
    service = core.create_namespaced_service(namespace, body)
    assert service.spec.cluster_ip.count(".") == 3
    core.patch_namespaced_service("lead", namespace, {"spec": {"selector": {"a": "c"}}})
    assert core.read_namespaced_service("lead", namespace).spec.cluster_ip == service.spec.cluster_ip


def test_headless_service_keeps_none(core, namespace):
    body = {"metadata": {"name": "flux"}, "spec": {"clusterIP": "None", "selector": {"a": "b"}}}
    assert core.create_namespaced_service(namespace, body).spec.cluster_ip == "None"


def test_events_are_stored_and_selected_by_their_object(core, namespace):
    for pod in ("a", "b"):
        involved = {"kind": "Pod", "name": pod, "namespace": namespace}
        body = {"metadata": {"name": f"event-{pod}"}, "involvedObject": involved, "reason": "FailedScheduling"}
        core.create_namespaced_event(namespace, body)
    found = core.list_namespaced_event(namespace, field_selector="involvedObject.name=a").items
    assert [each.metadata.name for each in found] == ["event-a"]


def test_rbac_kinds_are_stored(api, namespace):
    rbac = client.RbacAuthorizationV1Api(api)
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    role = {"metadata": {"name": "system:reader"}, "rules": rules}
    assert rbac.create_namespaced_role(namespace, role).rules[0].verbs == ["get"]
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "system:reader"}
    subject = {"kind": "ServiceAccount", "name": "agent", "namespace": namespace}
    binding = {"metadata": {"name": "reader"}, "roleRef": reference, "subjects": [subject]}
    assert rbac.create_namespaced_role_binding(namespace, binding).role_ref.name == "system:reader"
