"""Which faults can be ordered by name: what each is, in a sentence that teaches, and how it is built.

Values only; nothing is ordered here. The words of Google and Kubernetes are their own: people, and our code, look for
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from overspill_local.faults import gke, pods
from overspill_local.faults.kube import RequestFault

if TYPE_CHECKING:
    from collections.abc import Callable

Fault: TypeAlias = gke.CreateFault | gke.CallError | RequestFault | pods.PodFault

DEFAULT_SLOW_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFault:
    """One kind of fault."""

    help: str
    """What happens, where it is seen in the real cloud, and what should come of it."""
    build: Callable[[float | None], Fault]
    """Makes it; the argument is `--after`, in seconds."""
    calls: str | None = None
    """Which calls it hits where the order does not say; None: it hits operations, and which is no choice."""
    takes_after: bool = False
    """Whether `--after` means something: when, within a create, it happens."""


def _call_error(code: str, message: str, *, reason: str = "") -> Callable[[float | None], Fault]:
    return lambda _: gke.CallError(code=code, message=message, reason=reason)


def _request_fault(status: int, reason: str, message: str) -> Callable[[float | None], Fault]:
    return lambda _: RequestFault(status=status, reason=reason, message=message)


CATALOGUE: Final[dict[str, NamedFault]] = {
    "stockout": NamedFault(
        help="The zone has no such nodes: the create fails with GCE_STOCKOUT, at once or `--after` seconds, as GKE"
        " tells it half an hour late. The burst fails as `capacity`, its cluster is deleted, another zone is tried.",
        build=lambda after_s: gke.stockout(after_s=after_s or 0),
        takes_after=True,
    ),
    "pool-stockout": NamedFault(
        help="The cluster runs, but its burst pool gets no nodes (GCE_STOCKOUT). The burst fails as `capacity`, its"
        " cluster is deleted.",
        build=lambda _: gke.pool_stockout(),
    ),
    "quota": NamedFault(
        help="A quota of Compute Engine is used up: the create fails with GCE_QUOTA_EXCEEDED. The burst fails as"
        " `quota`.",
        build=lambda after_s: gke.quota_exceeded(after_s=after_s or 0),
        takes_after=True,
    ),
    "quota-refused": NamedFault(
        help="A regional quota does not suffice: the create is refused at once. The burst fails as `quota`.",
        build=_call_error(
            "PERMISSION_DENIED",
            "Insufficient regional quota to satisfy request: resource \"CPUS\": request requires '240.0' and is short"
            " '216.0'. project has a quota of '24.0' with '24.0' available.",
        ),
        calls="CreateCluster",
    ),
    "slow-create": NamedFault(
        help=f"The create takes `--after` seconds ({DEFAULT_SLOW_S:.0f}), and then works. Past its deadline the burst"
        " is given up.",
        build=lambda after_s: gke.SlowOperation(takes_s=DEFAULT_SLOW_S if after_s is None else after_s),
        takes_after=True,
    ),
    "cluster-error": NamedFault(
        help="The create fails for no reason that anybody could mend: the cluster is in ERROR. The burst fails as"
        " `boot`, its cluster is deleted.",
        build=lambda after_s: gke.internal_error(after_s=after_s or 0),
        takes_after=True,
    ),
    "cluster-degraded": NamedFault(
        help="The create works, but the cluster is DEGRADED, with no reason that anybody could mend. The burst fails as"
        " `boot` while it is still empty.",
        build=lambda _: gke.degraded(),
    ),
    "name-taken": NamedFault(
        help="Somebody else has just made a cluster of the burst's name, without our labels: the create answers 409."
        " The foreign cluster is left alone, the burst fails.",
        build=lambda _: gke.NameTaken(),
    ),
    "delete-fails": NamedFault(
        help="A delete ends in an error, and leaves its cluster in ERROR. It is deleted again, until it is gone.",
        build=lambda after_s: gke.internal_error(call=gke.FaultyCall.DELETE, after_s=after_s or 0),
        takes_after=True,
    ),
    "unavailable": NamedFault(
        help="GKE answers 503. With `--for` or `--times` a storm of them: whatever is done comes later.",
        build=_call_error("UNAVAILABLE", "The service is currently unavailable."),
        calls="*",
    ),
    "rate-limit": NamedFault(
        help="GKE answers 429, as too many calls a minute get it: whatever is done comes later.",
        build=_call_error(
            "RESOURCE_EXHAUSTED",
            "Quota exceeded for quota metric 'API requests' and limit 'API requests per minute'.",
            reason="RATE_LIMIT_EXCEEDED",
        ),
        calls="*",
    ),
    "busy": NamedFault(
        help="Another operation, an upgrade say, runs on the cluster: it can be deleted or resized once that is done.",
        build=_call_error(
            "FAILED_PRECONDITION",
            "Operation operation-1760000000000-5d8f2a is currently upgrading cluster. Please wait and try again once"
            " it is done.",
        ),
        calls="[DS]e*",
    ),
    "permission": NamedFault(
        help="The function's account lacks the right, which Google names. The burst fails as `permission`, with that"
        " name.",
        build=_call_error("PERMISSION_DENIED", 'Required "{permission}" permission(s) for "projects/overspill-local".'),
        calls="*",
    ),
    "token-refused": NamedFault(
        help="GKE does not take the access token (401), as one that has just run out.",
        build=_call_error(
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid"
            " authentication credential.",
        ),
        calls="*",
    ),
    "lost-answer": NamedFault(
        help="GKE crashes once the call has done its work: a create has begun, and nobody is told. Nothing is made"
        " twice.",
        build=lambda _: gke.CallError(code="UNAVAILABLE", message="Socket closed", is_done_first=True),
        calls="[CDS]*",
    ),
    "image-pull": NamedFault(
        help="A pod's image does not come: ImagePullBackOff, for good or until `--after` seconds have passed. An event"
        " tells it; at the join deadline the agent gives the burst up.",
        build=lambda after_s: pods.image_pull(passes_after_s=after_s),
        takes_after=True,
    ),
    "slow-pull": NamedFault(
        help="A pod's image takes its time: Pulling, until `--after` seconds have passed. An event tells it.",
        build=lambda after_s: pods.slow_pull(passes_after_s=DEFAULT_SLOW_S if after_s is None else after_s),
        takes_after=True,
    ),
    "unschedulable": NamedFault(
        help="No node has room for a pod, in the scheduler's words, for good or until `--after` seconds have passed.",
        build=lambda after_s: pods.unschedulable(passes_after_s=after_s),
        takes_after=True,
    ),
    "mount-fails": NamedFault(
        help="A pod's volume cannot be mounted, for good or until `--after` seconds have passed. Only events tell.",
        build=lambda after_s: pods.mount_fails(passes_after_s=after_s),
        takes_after=True,
    ),
    "crash-loop": NamedFault(
        help="A pod's container ends again and again, for good or until `--after` seconds have passed; its phase is"
        " Running all the while.",
        build=lambda after_s: pods.crash_loop(passes_after_s=after_s),
        takes_after=True,
    ),
    "kube-unreachable": NamedFault(
        help="The cluster's API server cannot be reached: connections are cut. It is tried again.",
        build=lambda _: RequestFault(),
        calls="*",
    ),
    "kube-lost-answer": NamedFault(
        help="The API server crashes once a write is done: the connection is cut. Writing it again changes nothing.",
        build=lambda _: RequestFault(is_done_first=True),
        calls="P* *",
    ),
    "kube-unavailable": NamedFault(
        help="The API server answers 503, as one that is starting.",
        build=_request_fault(503, "ServiceUnavailable", "apiserver not ready"),
        calls="*",
    ),
    "kube-rate-limit": NamedFault(
        help="The API server answers 429, as one that has too much to do.",
        build=_request_fault(429, "TooManyRequests", "too many requests, please try again later"),
        calls="*",
    ),
    "kube-token-refused": NamedFault(
        help="The API server does not take the access token (401), as one that has just run out.",
        build=_request_fault(401, "Unauthorized", "Unauthorized"),
        calls="*",
    ),
    "kube-forbidden": NamedFault(
        help="The function's account lacks a right in the cluster (403). The burst fails as `permission`, with that"
        " name.",
        build=_request_fault(
            403,
            "Forbidden",
            'secrets is forbidden: User "provision@my-project.iam.gserviceaccount.com" cannot create resource "secrets"'
            ' in API group "" at the cluster scope: requires one of ["container.secrets.create"] permission(s).',
        ),
        calls="*",
    ),
    "webhook-not-ready": NamedFault(
        help="A webhook that judges writes to the operator's objects does not run yet: they are refused with 500.",
        build=_request_fault(
            500,
            "InternalError",
            'Internal error occurred: failed calling webhook "minicluster.flux-framework.org": failed to call webhook:'
            ' Post "https://operator-webhook.operator-system.svc:443/mutate?timeout=10s": no endpoints available for'
            ' service "operator-webhook"',
        ),
        calls="P* /apis/flux-framework.org/*",
    ),
}
"""By name."""
