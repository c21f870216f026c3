import pytest
from kubernetes import client

POD_SPEC = {"containers": [{"name": "main", "image": "image"}]}


def deployment(**spec):
    template = {"metadata": {"labels": {"app": "d"}}, "spec": POD_SPEC}
    return {
        "metadata": {"name": "d"},
        "spec": {"selector": {"matchLabels": {"app": "d"}}, "template": template, **spec},
    }


@pytest.fixture
def apps(api):
    return client.AppsV1Api(api)


def test_deployment_stays_unready_until_somebody_says_otherwise(apps, namespace):
    created = apps.create_namespaced_deployment(namespace, deployment())
    assert created.spec.replicas == 1
    assert created.status.ready_replicas is None
    condition = {"type": "Available", "status": "True", "reason": "x", "message": ""}
    status = {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1, "observedGeneration": 1}
    apps.patch_namespaced_deployment_status("d", namespace, {"status": {**status, "conditions": [condition]}})
    read = apps.read_namespaced_deployment("d", namespace)
    assert read.status.available_replicas == 1
    assert [(each.type, each.status) for each in read.status.conditions] == [("Available", "True")]
    assert read.metadata.generation == 1


def test_deployment_without_matching_labels_is_refused(apps, namespace, refused):
    with refused(422) as status:
        apps.create_namespaced_deployment(namespace, deployment(selector={"matchLabels": {"app": "other"}}))
    assert "spec.template.metadata.labels" in status["message"]


def test_deployment_scales(apps, namespace):
    apps.create_namespaced_deployment(namespace, deployment())
    assert apps.read_namespaced_deployment_scale("d", namespace).spec.replicas == 1
    scaled = apps.patch_namespaced_deployment_scale("d", namespace, {"spec": {"replicas": 3}})
    assert (scaled.spec.replicas, scaled.status.replicas, scaled.status.selector) == (3, 0, "app=d")
    read = apps.read_namespaced_deployment("d", namespace)
    assert (read.spec.replicas, read.metadata.generation) == (3, 2)


def test_replaced_scale_sets_replicas(apps, namespace):
    apps.create_namespaced_deployment(namespace, deployment())
    scale = apps.read_namespaced_deployment_scale("d", namespace)
    scale.spec.replicas = 0
    apps.replace_namespaced_deployment_scale("d", namespace, scale)
    assert apps.read_namespaced_deployment("d", namespace).spec.replicas == 0


def test_job_has_a_status_of_its_own(api, namespace):
    batch = client.BatchV1Api(api)
    body = {"metadata": {"name": "j"}, "spec": {"template": {"spec": {**POD_SPEC, "restartPolicy": "Never"}}}}
    batch.create_namespaced_job(namespace, body)
    batch.patch_namespaced_job_status("j", namespace, {"status": {"active": 1}})
    assert batch.read_namespaced_job("j", namespace).status.active == 1


def test_pod_starts_pending_and_is_moved_through_its_status(core, namespace):
    pod = core.create_namespaced_pod(namespace, {"metadata": {"name": "p"}, "spec": POD_SPEC})
    assert pod.status.phase == "Pending"
    conditions = [{"type": "Ready", "status": "True"}, {"type": "Initialized", "status": "True"}]
    core.patch_namespaced_pod_status("p", namespace, {"status": {"phase": "Running", "conditions": conditions}})
    core.patch_namespaced_pod_status("p", namespace, {"status": {"conditions": [{"type": "Ready", "status": "False"}]}})
    status = core.read_namespaced_pod("p", namespace).status
    assert status.phase == "Running"
    assert {each.type: each.status for each in status.conditions} == {"Ready": "False", "Initialized": "True"}
    found = core.list_namespaced_pod(namespace, field_selector="status.phase=Running").items
    assert [each.metadata.name for each in found] == ["p"]


def test_pod_log_is_read(core, backend, namespace):
    core.create_namespaced_pod(namespace, {"metadata": {"name": "p"}, "spec": POD_SPEC})
    log = core.read_namespaced_pod_log("p", namespace)
    assert log == (f"first line of {namespace}/p\nlast line\n" if backend.name == "embedded" else "")


def test_pod_log_is_cut_to_its_tail(core, namespace, needs_controllers):
    core.create_namespaced_pod(namespace, {"metadata": {"name": "p"}, "spec": POD_SPEC})
    assert core.read_namespaced_pod_log("p", namespace, tail_lines=1) == "last line\n"


def test_node_is_registered_with_its_status(core):
    ready = {"type": "Ready", "status": "True"}
    body = {"metadata": {"generateName": "node-"}, "status": {"conditions": [ready]}}
    node = core.create_node(body)
    assert [(each.type, each.status) for each in node.status.conditions] == [("Ready", "True")]
    core.delete_node(node.metadata.name)


def test_status_of_a_created_pod_is_dropped(core, namespace):
    body = {"metadata": {"name": "p"}, "spec": POD_SPEC, "status": {"phase": "Running"}}
    assert core.create_namespaced_pod(namespace, body).status.phase == "Pending"
