import pytest
from kubernetes import client


@pytest.fixture
def apply_widget(dynamic_client, widgets, namespace):
    """Return a function that applies a widget server-side as some manager."""
    resource = dynamic_client.resources.get(api_version="test.overspill.dev/v1", kind="Widget")

    def apply(manager: str, spec=None, *, metadata=None, **options):
        body = {"apiVersion": "test.overspill.dev/v1", "kind": "Widget", "metadata": {"name": "w", **(metadata or {})}}
        body |= {"spec": spec} if spec is not None else {}
        applied = resource.server_side_apply(body, namespace=namespace, field_manager=manager, **options)
        return applied.to_dict()

    return apply


def fields_of(widget, manager: str):
    for entry in widget["metadata"]["managedFields"]:
        if (entry["manager"], entry["operation"]) == (manager, "Apply"):
            return entry["fieldsV1"]
    return None


def test_apply_of_an_absent_object_creates_it(apply_widget):
    widget = apply_widget("a", {"size": 2, "items": []})
    assert widget["spec"] == {"size": 2, "items": []}
    assert fields_of(widget, "a") == {"f:spec": {"f:items": {}, "f:size": {}}}


def test_apply_again_changes_nothing(apply_widget):
    first = apply_widget("a", {"size": 2, "items": [{"name": "x"}]})
    again = apply_widget("a", {"size": 2, "items": [{"name": "x"}]})
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert again["metadata"]["managedFields"] == first["metadata"]["managedFields"]


def test_apply_leaves_what_others_own(apply_widget):
    apply_widget("a", {"items": [], "colour": "red"})
    widget = apply_widget("b", {"size": 5}, metadata={"labels": {"owner": "b"}})
    assert widget["spec"] == {"items": [], "colour": "red", "size": 5}
    assert fields_of(widget, "b") == {"f:metadata": {"f:labels": {"f:owner": {}}}, "f:spec": {"f:size": {}}}


def test_apply_over_another_owner_conflicts_naming_owner_and_field(apply_widget, refused):
    apply_widget("a", {"size": 2, "items": []})
    with refused(409) as status:
        apply_widget("b", {"size": 3})
    assert status["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "a"', "field": ".spec.size"}
    ]


def test_apply_of_the_same_value_shares_the_field(apply_widget):
    apply_widget("a", {"size": 2, "items": []})
    widget = apply_widget("b", {"size": 2})
    assert "f:size" in fields_of(widget, "a")["f:spec"]
    assert "f:size" in fields_of(widget, "b")["f:spec"]
    kept = apply_widget("a", {"items": []})
    assert kept["spec"]["size"] == 2


def test_forced_apply_takes_the_field_over(apply_widget):
    apply_widget("a", {"size": 2, "items": []})
    widget = apply_widget("b", {"size": 3}, force_conflicts=True)
    assert widget["spec"]["size"] == 3
    assert fields_of(widget, "a") == {"f:spec": {"f:items": {}}}
    assert fields_of(widget, "b") == {"f:spec": {"f:size": {}}}


def test_field_no_longer_applied_is_removed_and_defaulted_anew(apply_widget):
    apply_widget("a", {"size": 2, "items": [], "colour": "red"})
    widget = apply_widget("a", {"items": []})
    assert widget["spec"] == {"size": 1, "items": []}


def test_table_no_longer_applied_goes_with_its_defaults(apply_widget):
    widget = apply_widget("a", {"items": [], "options": {"mode": "fast"}})
    assert widget["spec"]["options"] == {"level": 6, "mode": "fast"}
    assert "options" not in apply_widget("a", {"items": []})["spec"]


def test_apply_after_an_update_conflicts(apply_widget, custom, widgets, namespace, refused):
    apply_widget("a", {"size": 2, "items": []})
    group, version, plural = widgets
    custom.patch_namespaced_custom_object(group, version, namespace, plural, "w", {"spec": {"size": 4}})
    with refused(409):
        apply_widget("a", {"size": 2, "items": []})
    assert apply_widget("a", {"size": 2, "items": []}, force_conflicts=True)["spec"]["size"] == 2


def test_apply_of_a_field_that_the_schema_lacks_is_refused(apply_widget, refused):
    with refused(500) as status:
        apply_widget("a", {"items": [], "imagee": "x"})
    assert ".spec.imagee: field not declared in schema" in status["message"]


def test_apply_of_a_wrong_type_is_refused_naming_the_field(apply_widget, refused):
    with refused(500) as status:
        apply_widget("a", {"items": [], "size": "two"})
    assert ".spec.size" in status["message"]


def test_apply_without_a_manager_is_refused(apply_widget, refused):
    with refused(422):
        apply_widget("", {"items": []})


def test_dry_run_apply_stores_nothing(apply_widget, custom, widgets, namespace, refused):
    apply_widget("a", {"items": []}, dry_run="All")
    group, version, plural = widgets
    with refused(404):
        custom.get_namespaced_custom_object(group, version, namespace, plural, "w")


def test_applied_finalizers_of_two_managers_add_up(apply_widget):
    apply_widget("a", {"items": []}, metadata={"finalizers": ["a.dev/x"]})
    widget = apply_widget("b", metadata={"finalizers": ["b.dev/y"]})
    assert sorted(widget["metadata"]["finalizers"]) == ["a.dev/x", "b.dev/y"]
    apply_widget("b", metadata={})
    assert apply_widget("a", {"items": []})["metadata"].get("finalizers") is None


def test_status_is_applied_through_its_subresource_only(apply_widget, dynamic_client, widgets, namespace):
    apply_widget("a", {"size": 2, "items": []})
    status = dynamic_client.resources.get(api_version="test.overspill.dev/v1", kind="Widget").subresources["status"]
    body = {"apiVersion": "test.overspill.dev/v1", "kind": "Widget", "metadata": {"name": "w"}}
    body |= {"status": {"phase": "Up"}}
    applied = status.server_side_apply(body, namespace=namespace, field_manager="a").to_dict()
    assert (applied["status"], applied["spec"]["size"]) == ({"phase": "Up"}, 2)
    again = apply_widget("a", {"items": []})
    assert (again["status"], again["spec"]["size"]) == ({"phase": "Up"}, 1)


def test_containers_of_a_deployment_merge_by_name(dynamic_client, namespace):
    resource = dynamic_client.resources.get(api_version="apps/v1", kind="Deployment")

    def apply(manager, *containers):
        spec = {"template": {"spec": {"containers": list(containers)}}}
        if manager == "a":
            spec["selector"] = {"matchLabels": {"app": "d"}}
            spec["template"]["metadata"] = {"labels": {"app": "d"}}
        body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}
        applied = resource.server_side_apply(body, namespace=namespace, field_manager=manager)
        return {each.name: each.image for each in applied.spec.template.spec.containers}

    apply("a", {"name": "main", "image": "one"})
    assert apply("b", {"name": "side", "image": "two"}) == {"main": "one", "side": "two"}
    assert apply("a", {"name": "main", "image": "three"}) == {"main": "three", "side": "two"}
    with pytest.raises(Exception, match="conflict"):
        apply("b", {"name": "main", "image": "four"})


def test_apply_of_a_sanitized_model_is_accepted(api, dynamic_client, namespace):
    lease = client.V1Lease(
        api_version="coordination.k8s.io/v1",
        kind="Lease",
        metadata=client.V1ObjectMeta(name="l"),
        spec=client.V1LeaseSpec(holder_identity="a"),
    )
    resource = dynamic_client.resources.get(api_version="coordination.k8s.io/v1", kind="Lease")
    body = api.sanitize_for_serialization(lease)
    resource.server_side_apply(body, namespace=namespace, field_manager="a")
    assert client.CoordinationV1Api(api).read_namespaced_lease("l", namespace).spec.holder_identity == "a"
