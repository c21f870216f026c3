"""A burst's lease: a Kubernetes Lease object beside its MiniCluster, which says until when the burst may exist.

Values in, values out: made with the burst, renewed only forward and never past the burst's hard end. It lapses at
`renewTime` + `leaseDurationSeconds`, as Kubernetes has it, so that any client reads it alike. Who renews it, and who
acts when it has lapsed, is not said here; the dead-man in the cluster reads it by itself (`deadman_watch`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from overspill_shared import names
from overspill_shared.burst_metadata import object_metadata
from overspill_shared.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_shared.messages import BurstRequest

API_VERSION: Final = "coordination.k8s.io/v1"
KIND: Final = "Lease"
NAME: Final = "overspill-lease"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A lease as it was read; times are epoch seconds."""

    expires_at: float
    hard_end_at: float
    """What it can at most be renewed to."""

    def has_lapsed(self, now: float) -> bool:
        """Tell whether the burst's right to exist is over."""
        return now >= self.expires_at


def build_lease(request: BurstRequest, *, now: float) -> dict[str, Any]:
    """Give the Lease of a new burst: until the request's `expires_at`, at most its `hard_end_at`.

    Only for a burst that has none: applied over one, it could take time away that was given since.
    """
    spec = {"holderIdentity": request.lead.id, "acquireTime": _text(now)}
    hard_end_at = int(request.hard_end_at)
    metadata = object_metadata(request, NAME)
    metadata["labels"][names.LABEL_EXPIRES] = str(hard_end_at)
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": metadata,
        "spec": {**spec, **_term(min(request.expires_at, hard_end_at), now)},
    }


def read_lease(manifest: Mapping[str, Any]) -> Lease:
    """Read a burst's Lease.

    Raises CloudError if somebody else wrote what cannot be read: that is no reason to believe it lapsed.
    """
    metadata, spec = manifest["metadata"], manifest.get("spec") or {}
    try:
        renewed_at = datetime.fromisoformat(spec["renewTime"]).timestamp()
        return Lease(
            expires_at=renewed_at + int(spec["leaseDurationSeconds"]),
            hard_end_at=float(metadata["labels"][names.LABEL_EXPIRES]),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise CloudError(
            f"the Lease {metadata.get('namespace')}/{metadata.get('name')} cannot be read: {type(exc).__name__} {exc}.",
            remedy="Find out who changed it; delete its cluster by hand if the burst is not wanted.",
            code="lease-unreadable",
        ) from exc


def renew_lease(manifest: Mapping[str, Any], *, expires_at: float, now: float) -> dict[str, Any] | None:
    """Give a Lease's next version, lasting until `expires_at` but never past its hard end; None if it lasts as long.

    Apply it as it is: that raises Conflict, and changes nothing, if the Lease was changed or deleted since `manifest`
    was read. Raises CloudError as `read_lease` does.
    """
    lease = read_lease(manifest)
    until = min(expires_at, lease.hard_end_at)
    if until <= lease.expires_at:
        return None
    spec = {key: value for key, value in manifest["spec"].items() if key in ("holderIdentity", "acquireTime")}
    kept = {key: manifest["metadata"][key] for key in ("name", "namespace", "labels", "uid", "resourceVersion")}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": kept, "spec": {**spec, **_term(until, now)}}


def _term(expires_at: float, now: float) -> dict[str, Any]:
    """Give the fields that add up to `expires_at`; a duration has whole seconds, and at least one."""
    duration_s = max(1, int(expires_at - now))
    return {"renewTime": _text(expires_at - duration_s), "leaseDurationSeconds": duration_s}


def _text(at: float) -> str:
    """Give a time as the Kubernetes API's MicroTime: always with its six digits."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
