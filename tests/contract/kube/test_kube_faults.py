"""Each fault that can be ordered from a Kubernetes API, as the adapter shows it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from overspill_local.faults.book import FaultBook
from overspill_local.faults.gke import Faults
from overspill_local.faults.orders import FaultOrders
from overspill_shared.adapters.kubernetes_api import KubernetesApiClient
from overspill_shared.errors import PermissionDenied, Unavailable


@pytest.fixture
def faults(backend):
    if backend.server is None:
        pytest.skip("faults can be ordered from the embedded server only")
    book = FaultBook(Faults(), backend.server.faults, FaultOrders())
    yield book
    book.clear()


@pytest.fixture
def connect_for(backend):
    with contextlib.ExitStack() as stack:

        def connect(retry_for_s):
            endpoint, ca_pem = backend.host.removeprefix("https://"), Path(backend.ca_file).read_bytes()
            adapter = KubernetesApiClient(endpoint, ca_pem, lambda: backend.token, retry_for_s=retry_for_s)
            return stack.enter_context(contextlib.closing(adapter))

        yield connect


def config_map(namespace, value="1"):
    metadata = {"name": "settings", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": value}}


def read(kubernetes, namespace):
    return kubernetes.read("v1", "ConfigMap", "settings", namespace=namespace)


@pytest.mark.parametrize("name", ["kube-unreachable", "kube-unavailable", "kube-rate-limit"])
def test_fault_that_passes_is_tried_again_in_time_and_no_longer(faults, connect_for, namespace, name):
    patient, hasty = connect_for(10), connect_for(0)
    hasty.apply(config_map(namespace))

    faults.order(name)
    with pytest.raises(Unavailable):
        read(hasty, namespace)
    faults.order(name, times=2)
    patient.apply(config_map(namespace, "2"))

    assert read(hasty, namespace)["data"] == {"value": "2"}
    assert faults.list() == ()


@pytest.mark.parametrize(
    ("name", "text"), [("kube-token-refused", "Unauthorized"), ("kube-forbidden", "container.secrets.create")]
)
def test_refusal_is_told_in_the_cluster_words(faults, connect_for, namespace, name, text):
    kubernetes = connect_for(0)
    kubernetes.apply(config_map(namespace))
    faults.order(name)

    with pytest.raises(PermissionDenied, match=text):
        kubernetes.apply(config_map(namespace, "2"))

    assert read(kubernetes, namespace)["data"] == {"value": "1"}


def test_write_whose_answer_is_lost_is_done(faults, connect_for, namespace):
    kubernetes = connect_for(0)
    kubernetes.apply(config_map(namespace))
    faults.order("kube-lost-answer")

    with pytest.raises(Unavailable):
        kubernetes.apply(config_map(namespace, "2"))

    assert read(kubernetes, namespace)["data"] == {"value": "2"}


def test_webhook_that_is_not_ready_refuses_the_operator_objects_and_no_others(faults, connect_for, namespace):
    kubernetes = connect_for(0)
    faults.order("webhook-not-ready", calls="P* */configmaps/*")

    with pytest.raises(Unavailable, match="failed calling webhook"):
        kubernetes.apply(config_map(namespace))
    kubernetes.apply(config_map(namespace))
