import threading

import pytest
from kubernetes import client, watch
from kubernetes.client import ApiException


def configure(core, namespace, name, **labels):
    return core.create_namespaced_config_map(namespace, {"metadata": {"name": name, "labels": labels}})


def take(stream, count):
    """Return the first events of a stream as (type, name), and close it."""
    events = []
    for event in stream:
        events.append((event["type"], event["object"].metadata.name))
        if len(events) == count:
            break
    stream.close()
    return events


def follow(core, namespace, **options):
    options.setdefault("timeout_seconds", 20)
    return watch.Watch().stream(core.list_namespaced_config_map, namespace, **options)


def test_watch_without_version_shows_what_exists_first(core, namespace):
    configure(core, namespace, "a")
    configure(core, namespace, "b")
    assert take(follow(core, namespace), 2) == [("ADDED", "a"), ("ADDED", "b")]


def test_watch_resumes_after_a_version(core, namespace):
    configure(core, namespace, "a")
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    configure(core, namespace, "b")
    core.patch_namespaced_config_map("a", namespace, {"data": {"x": "1"}})
    core.delete_namespaced_config_map("b", namespace)
    events = take(follow(core, namespace, resource_version=version), 3)
    assert events == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]


def test_watch_shows_changes_while_it_runs(core, namespace):
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    seen, is_seen = [], threading.Event()

    def run():
        seen.extend(take(follow(core, namespace, resource_version=version), 1))
        is_seen.set()

    watcher = threading.Thread(target=run)
    watcher.start()
    configure(core, namespace, "a")
    assert is_seen.wait(20)
    watcher.join()
    assert seen == [("ADDED", "a")]


def test_watch_with_labels_shows_coming_and_going_matches(core, namespace):
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    configure(core, namespace, "a", colour="red")
    configure(core, namespace, "b", colour="green")
    core.patch_namespaced_config_map("b", namespace, {"metadata": {"labels": {"colour": "red"}}})
    core.patch_namespaced_config_map("a", namespace, {"metadata": {"labels": {"colour": "green"}}})
    core.delete_namespaced_config_map("a", namespace)
    core.delete_namespaced_config_map("b", namespace)
    events = take(follow(core, namespace, resource_version=version, label_selector="colour=red"), 4)
    assert events == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a"), ("DELETED", "b")]


def test_watch_with_a_field_selector_shows_one_object(core, namespace):
    configure(core, namespace, "a")
    configure(core, namespace, "b")
    assert take(follow(core, namespace, field_selector="metadata.name=b"), 1) == [("ADDED", "b")]


def test_watch_ends_when_its_time_is_up(core, namespace):
    configure(core, namespace, "a")
    assert list(take(follow(core, namespace, timeout_seconds=1), 99)) == [("ADDED", "a")]


def test_watch_deleted_event_carries_a_new_version(core, namespace):
    created = configure(core, namespace, "a")
    core.delete_namespaced_config_map("a", namespace)
    version = created.metadata.resource_version
    event = next(follow(core, namespace, resource_version=version))
    assert event["type"] == "DELETED"
    assert int(event["object"].metadata.resource_version) > int(version)


def test_watch_of_custom_resources_shows_their_status(custom, widgets, make_widget, namespace):
    group, version, plural = widgets
    created = make_widget()
    custom.patch_namespaced_custom_object_status(group, version, namespace, plural, "w", {"status": {"phase": "Up"}})
    stream = watch.Watch().stream(
        custom.list_namespaced_custom_object,
        group,
        version,
        namespace,
        plural,
        resource_version=created["metadata"]["resourceVersion"],
        timeout_seconds=20,
    )
    event = next(stream)
    stream.close()
    assert (event["type"], event["object"]["status"]) == ("MODIFIED", {"phase": "Up"})


def raw_watch(api, namespace, **query):
    """Return the lines of a watch that the client library has no argument for."""
    response = api.call_api(
        f"/api/v1/namespaces/{namespace}/configmaps",
        "GET",
        query_params=[("watch", "1"), ("timeoutSeconds", "1"), *query.items()],
        auth_settings=["BearerToken"],
        _preload_content=False,
    )[0]
    return [client.ApiClient().deserialize(_Line(line), "object") for line in response.data.splitlines()]


class _Line:
    def __init__(self, data):
        self.data = data.decode()


def test_watch_list_ends_the_initial_events_with_a_bookmark(api, core, namespace):
    configure(core, namespace, "a")
    events = raw_watch(
        api,
        namespace,
        sendInitialEvents="true",
        resourceVersionMatch="NotOlderThan",
        allowWatchBookmarks="true",
    )
    assert [each["type"] for each in events] == ["ADDED", "BOOKMARK"]
    assert events[1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_watch_list_without_version_match_is_refused(api, core, namespace):
    with pytest.raises(ApiException) as caught:
        raw_watch(api, namespace, sendInitialEvents="true")
    assert caught.value.status == 422


def test_watch_with_bad_selector_is_refused(core, namespace, refused):
    with refused(400):
        next(follow(core, namespace, field_selector="data.x=1"))
