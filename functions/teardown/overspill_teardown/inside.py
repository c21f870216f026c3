"""Reading, and clearing, what is inside a burst's cluster, through its Kubernetes API.

Only the burst's own namespace is looked at. A cluster whose API cannot be reached, or refuses, shows nothing: that is
logged and is no fault, since its labels say enough to end it. No rule about a burst stands here.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from overspill_shared import lease
from overspill_shared.clusters import USABLE, Cluster
from overspill_shared.errors import CloudError, Unavailable
from overspill_teardown.judging import Inside
from overspill_teardown.plan import LoadBalancer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from overspill_shared.ports import KubernetesApi

A = TypeVar("A")

log = logging.getLogger(__name__)

_MINICLUSTER: Final = ("flux-framework.org/v1alpha2", "MiniCluster")
_SERVICE: Final = ("v1", "Service")


class BurstCluster:
    """One burst's cluster, from inside; its API is connected to when it is needed, and never again if it is silent."""

    def __init__(self, cluster: Cluster, connect: Callable[[Cluster], KubernetesApi]) -> None:
        """`cluster` must be ours beyond doubt: the namespace inside has its name."""
        self._cluster = cluster
        self._connect = connect
        self._namespace = cluster.name
        self._api: KubernetesApi | None = None
        self._is_silent = cluster.status not in USABLE or not cluster.endpoint

    def right(self) -> Inside | None:
        """Read what tells whether the burst may exist; None if the API shows nothing."""
        return self._ask(self._read_right, None)

    def load_balancers(self) -> tuple[LoadBalancer, ...]:
        """Give the burst's Services that have load balancers; none if the API shows nothing."""
        return self._ask(self._read_load_balancers, ())

    def delete_service(self, name: str) -> None:
        """Have a Service deleted, and its load balancer with it."""
        self._ask(lambda api: api.delete(*_SERVICE, name, namespace=self._namespace), None)

    def renew(self, *, expires_at: float, now: float) -> float | None:
        """Move the lease forward to `expires_at`, at most its hard end; gives its end, None if there is no lease yet.

        Raises CloudError: a renewal must come again if the API could not take it.
        """
        api = self._connected()
        manifest = api.read(lease.API_VERSION, lease.KIND, lease.NAME, namespace=self._namespace)
        if manifest is None:
            return None
        renewed = lease.renew_lease(manifest, expires_at=expires_at, now=now)
        if renewed is None:
            return lease.read_lease(manifest).expires_at
        api.apply(renewed)
        return lease.read_lease(renewed).expires_at

    def close(self) -> None:
        """Let go of the connection."""
        if self._api is not None:
            self._api.close()
            self._api = None

    def _connected(self) -> KubernetesApi:
        if self._api is None:
            self._api = self._connect(self._cluster)
        return self._api

    def _ask(self, question: Callable[[KubernetesApi], A], otherwise: A) -> A:
        if self._is_silent:
            return otherwise
        try:
            return question(self._connected())
        except CloudError as error:
            self._is_silent = isinstance(error, Unavailable)
            log.warning(
                "cluster.silent", extra={"cluster": self._cluster.name, "code": error.code, "reason": str(error)}
            )
            return otherwise

    def _read_right(self, api: KubernetesApi) -> Inside:
        manifest = api.read(lease.API_VERSION, lease.KIND, lease.NAME, namespace=self._namespace)
        if manifest is not None:
            return Inside(lease=lease.read_lease(manifest), has_minicluster=True)
        return Inside(lease=None, has_minicluster=bool(api.list(*_MINICLUSTER, namespace=self._namespace)))

    def _read_load_balancers(self, api: KubernetesApi) -> tuple[LoadBalancer, ...]:
        listed = api.list(*_SERVICE, namespace=self._namespace)
        return tuple(_load_balancer(item) for item in listed if item["spec"].get("type") == "LoadBalancer")


def _load_balancer(item: Mapping[str, Any]) -> LoadBalancer:
    deleted_at = item["metadata"].get("deletionTimestamp")
    return LoadBalancer(
        service=item["metadata"]["name"],
        deleted_at=None if deleted_at is None else datetime.fromisoformat(deleted_at).timestamp(),
    )
