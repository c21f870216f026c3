from datetime import UTC, datetime

import pytest

from overspill_local.kube import KubeStore

WIDGET_DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.test.dev"},
    "spec": {
        "group": "test.dev",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["w"]},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
                    }
                },
                "subresources": {"scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"}},
            }
        ],
    },
}


class Clock:
    """A clock that a test moves."""

    def __init__(self):
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    return KubeStore(now=clock, journal_capacity=100)


@pytest.fixture
def kind(store):
    """Return a function that finds a kind by plural."""
    return lambda plural: next(each for each in store.resources if each.plural == plural)


@pytest.fixture
def create(store):
    """Return a function that creates a config map in `default`."""

    def factory(name, **metadata):
        return store.create(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}, "default"
        )

    return factory


@pytest.fixture
def definition():
    return WIDGET_DEFINITION
