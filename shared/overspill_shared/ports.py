"""What agent and functions need of the world, as Protocols; adapters implement them, the embedded cloud serves them.

No SDK type crosses a port: values are ours, errors are those of `errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_shared.clusters import Cluster, ClusterListing, ClusterOperation, ClusterSpec
    from overspill_shared.messages import Message
    from overspill_shared.pods import Pod


class Clock(Protocol):
    """Time, so that nothing else asks for it."""

    def now(self) -> float:
        """Give epoch seconds."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Publisher(Protocol):
    """Where messages are sent."""

    def publish(self, message: Message) -> str:
        """Send a message and wait until the service has it; gives the service's message id.

        Raises Unavailable if it did not take it in time, PermissionDenied, NotFound (no such topic) or
        MalformedMessage (too large).
        """
        ...

    def dead_letter(self, topic: str, body: bytes, attributes: dict[str, str], *, reason: str) -> None:
        """Put a message that nobody can read where a person finds it, with the reason as an attribute.

        Raises as `publish` does.
        """
        ...


class Clusters(Protocol):
    """The cloud's clusters, one project's; `zone` is one zone, such as us-central1-a.

    Every method may raise PermissionDenied, Unavailable, or another CloudError.
    """

    def get(self, zone: str, name: str) -> Cluster | None:
        """Give a cluster, or None if there is none of that name."""
        ...

    def list(self) -> ClusterListing:
        """Give every cluster labelled `overspill=true`, in all zones, and the zones that did not answer.

        A partial answer is no error: who decides by what is not there must look at `missing_zones`.
        """
        ...

    def create(self, zone: str, spec: ClusterSpec) -> None:
        """Have a cluster made; returns at once, long before it runs.

        Raises AlreadyExists, QuotaExceeded or CapacityUnavailable.
        """
        ...

    def delete(self, zone: str, name: str) -> None:
        """Have a cluster deleted; returns at once, long before it is gone.

        Raises NotFound, or Busy while another operation runs on it.
        """
        ...

    def resize(self, zone: str, name: str, node_count: int) -> None:
        """Have the burst's node pool made so large; returns at once, and repeating it changes nothing.

        Raises NotFound (no such cluster or pool), QuotaExceeded, or Busy while another operation runs on the cluster.
        """
        ...

    def operations(self, zone: str, name: str) -> tuple[ClusterOperation, ...]:
        """Give the operations on a cluster of that name that the zone remembers, of clusters now gone too.

        Never a part of them: raises Unavailable if the zone did not answer, since what was deleted must not be made.
        """
        ...


class KubernetesApi(Protocol):
    """One cluster's Kubernetes API.

    Every method may raise PermissionDenied, Unavailable (it cannot be reached), or another CloudError.
    """

    def apply(self, manifest: Mapping[str, Any]) -> None:
        """Make an object what the manifest says, by server-side apply; repeating it changes nothing.

        Raises NotFound if the cluster does not know its kind, or its namespace does not exist; Conflict if the manifest
        has a `resourceVersion` that is no longer the object's, or a `uid` (then it never makes an object).
        """
        ...

    def create(self, manifest: Mapping[str, Any]) -> None:
        """Make an object that is not there yet: of two who try, one makes it.

        Raises AlreadyExists, or NotFound as `apply` does.
        """
        ...

    def read(self, api_version: str, kind: str, name: str, *, namespace: str | None = None) -> dict[str, Any] | None:
        """Give an object, or None if it, or its kind, does not exist."""
        ...

    def list(
        self, api_version: str, kind: str, *, namespace: str | None = None, label_selector: str = ""
    ) -> tuple[dict[str, Any], ...]:
        """Give every object of a kind that the selector chooses, in one namespace or, for None, in all of them.

        None if the kind, or the namespace, does not exist. The answer is whole, or there is none.
        """
        ...

    def delete(self, api_version: str, kind: str, name: str, *, namespace: str | None = None) -> None:
        """Have an object deleted, with all that it owns; returns at once, perhaps long before it is gone.

        That it, or its kind, does not exist is no fault.
        """
        ...

    def list_pods(self, namespace: str, label_selector: str) -> tuple[Pod, ...]:
        """Give the pods that the selector chooses, with what keeps them from running; none without the namespace."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...
