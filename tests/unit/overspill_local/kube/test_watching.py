import asyncio

import pytest

from overspill_local.kube import KubeStore
from overspill_local.kube.journal import Change
from overspill_local.kube.watching import WatchOptions, visible_event, watch


def options(resource, since=None, timeout_s=5.0, matches=lambda _obj: True, *, ends_initial_events=False):
    return WatchOptions(
        resource=resource,
        matches=matches,
        since=since,
        ends_initial_events=ends_initial_events,
        timeout_s=timeout_s,
    )


def events_of(store, wanted, *, until=None, is_stopping=lambda: False):
    """Run a watch until it ends, or has shown `until` events; `store` may be changed by its callbacks."""

    async def collect():
        events = []
        async for event in watch(store, wanted, is_stopping):
            events.append(event)
            if len(events) == until:
                break
        return events

    return asyncio.run(collect())


def test_watch_from_a_forgotten_revision_ends_with_gone():
    store = KubeStore(journal_capacity=2)
    resource = store.resources.find("", "v1", "configmaps")
    first = store.revision
    for index in range(4):
        store.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{index}"}}, "default")
    (event,) = events_of(store, options(resource, since=first))
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")


def test_watch_that_lags_behind_is_told_so(store, kind):
    store = KubeStore(journal_capacity=2)
    resource = store.resources.find("", "v1", "configmaps")

    def flood(_obj):
        while not flood.done:
            flood.done = True
            for index in range(4):
                store.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"d{index}"}}, "default")
        return True

    flood.done = False
    store.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}, "default")
    events = events_of(store, options(resource, since=store.revision - 1, matches=flood))
    assert [each["type"] for each in events] == ["ADDED", "ERROR"]


def test_initial_events_are_followed_by_later_changes_once(store, create, kind):
    create("a")

    async def collect():
        stream = watch(store, options(kind("configmaps"), ends_initial_events=True), lambda: False)
        seen = [await anext(stream)]
        create("b")
        seen += [await anext(stream), await anext(stream)]
        await stream.aclose()
        return [(each["type"], each["object"]["metadata"].get("name")) for each in seen]

    assert asyncio.run(collect()) == [("ADDED", "a"), ("BOOKMARK", None), ("ADDED", "b")]


def test_watch_ends_when_its_time_is_up(store, kind):
    assert events_of(store, options(kind("configmaps"), timeout_s=0.01)) == []


def test_watch_ends_when_the_server_stops(store, kind):
    async def run():
        is_stopping = False
        stream = watch(store, options(kind("configmaps"), timeout_s=60), lambda: is_stopping)
        waiting = asyncio.ensure_future(anext(stream, None))
        await asyncio.sleep(0)
        is_stopping = True
        store.wake_watchers()
        async with asyncio.timeout(5):
            return await waiting

    store.journal(kind("configmaps"))
    assert asyncio.run(run()) is None


def labelled(version, **labels):
    return {"metadata": {"name": "o", "resourceVersion": version, "labels": labels}}


RED, GREEN = labelled("1", colour="red"), labelled("2", colour="green")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change(2, "ADDED", RED, None), ("ADDED", RED)),
        (Change(2, "ADDED", GREEN, None), None),
        (Change(2, "MODIFIED", RED, RED), ("MODIFIED", RED)),
        (Change(2, "MODIFIED", RED, GREEN), ("ADDED", RED)),
        (Change(2, "MODIFIED", GREEN, RED), ("DELETED", labelled("2", colour="red"))),
        (Change(2, "MODIFIED", GREEN, GREEN), None),
        (Change(2, "DELETED", RED, RED), ("DELETED", labelled("2", colour="red"))),
        (Change(2, "DELETED", GREEN, GREEN), None),
    ],
)
def test_selector_sees_coming_and_going(change, expected):
    event = visible_event(change, lambda obj: obj["metadata"]["labels"]["colour"] == "red")
    assert (event and (event["type"], event["object"])) == expected
