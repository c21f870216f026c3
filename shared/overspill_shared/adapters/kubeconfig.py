"""How a cluster is reached that a kubeconfig file describes, with whatever credentials it holds.

Only what the official client reads of it; no request is made here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from kubernetes import client as kubernetes_client
from kubernetes import config as kubernetes_config

from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def read_kubeconfig(path: Path, context: str = "") -> Any:
    """Give the client's Configuration for a context, by default the file's current one.

    Raises ConfigError.
    """
    configuration = kubernetes_client.Configuration()
    try:
        kubernetes_config.load_kube_config(
            config_file=str(path), context=context or None, client_configuration=configuration, persist_config=False
        )
    except (kubernetes_config.ConfigException, yaml.YAMLError, OSError, ValueError) as exc:
        said = str(exc).splitlines()[0].rstrip(".")
        raise ConfigError(
            f"kubeconfig {path}: {said}.",
            remedy="Name a file that `kubectl --kubeconfig` can use, and a context that it has.",
            code="kubeconfig",
        ) from None
    configuration.retries = False
    return configuration


def endpoint_of(configuration: Any) -> str:
    """Give the host, or host:port, that a Configuration leads to."""
    return str(configuration.host).removeprefix("https://").rstrip("/")
