import contextlib
import json

import pytest

from overspill_shared.adapters.cluster_access import open_access
from overspill_shared.adapters.existing_clusters import ExistingClusters
from overspill_shared.adapters.gke import GkeClusters
from overspill_shared.errors import ConfigError, Unavailable
from overspill_shared.function_settings import FunctionSettings, load_for_function

KUBECONFIG = {
    "clusters": [
        {"name": "kind", "cluster": {"server": "https://127.0.0.1:1"}},
        {"name": "far", "cluster": {"server": "https://kubernetes.example:6443"}},
    ],
    "users": [{"name": "u", "user": {"token": "canary-token"}}],
    "contexts": [
        {"name": "kind", "context": {"cluster": "kind", "user": "u"}},
        {"name": "far", "context": {"cluster": "far", "user": "u"}},
    ],
    "current-context": "kind",
}


@pytest.fixture
def settings(tmp_path):
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(KUBECONFIG))

    def build(**environ):
        existing = {"OVERSPILL_CLUSTERS": "existing", "OVERSPILL_KUBECONFIG": str(file)}
        return load_for_function(FunctionSettings, {"OVERSPILL_PROJECT": "demo", **existing, **environ})

    return build


def test_open_access_makes_clusters_at_gke_unless_told_otherwise(clock):
    settings = load_for_function(FunctionSettings, {"OVERSPILL_PROJECT": "demo"})

    access = open_access(settings, {"GKE_EMULATOR_HOST": "127.0.0.1:1"}, clock)

    assert isinstance(access.clusters, GkeClusters)


def test_open_access_to_an_existing_cluster_uses_the_current_context(settings, clock):
    access = open_access(settings(), {}, clock, retry_for_s=0)

    assert isinstance(access.clusters, ExistingClusters)
    with contextlib.closing(access.clusters) as clusters, pytest.raises(Unavailable):
        clusters.list()


def test_open_access_to_an_existing_cluster_with_an_unknown_context_says_so(settings, clock):
    with pytest.raises(ConfigError, match="nowhere") as caught:
        open_access(settings(OVERSPILL_KUBECONFIG_CONTEXT="nowhere"), {}, clock)

    assert "canary" not in str(caught.value)
