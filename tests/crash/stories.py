"""What is told to a deployment, in which order, and what goes wrong in its cloud meanwhile."""

import dataclasses

from tests.crash.world import teardown_of
from tests.fakes.clusters import stocked_out

from overspill_provision.cluster_spec import build_cluster_spec
from overspill_shared import errors
from overspill_shared.clusters import Cluster, ClusterStatus, Complaint

ORDERS = {
    "in order": list,
    "each twice": lambda messages: [message for message in messages for _ in range(2)],
    "backwards": lambda messages: messages[::-1],
}


@dataclasses.dataclass(frozen=True)
class Story:
    """Sizes that a burst is given, revision by revision, and whether it is torn down after that."""

    sizes: tuple[int, ...]
    is_torn_down: bool = False

    def messages(self, burst_request):
        requests = [burst_request(revision=revision, size=size) for revision, size in enumerate(self.sizes, 1)]
        last = requests[0]
        return [*requests, *[teardown_of(last, last.zone, last.requested_at + 1)] * self.is_torn_down]


STORIES = {
    "provision": Story((4,)),
    "provision and teardown": Story((4,), is_torn_down=True),
    "grow": Story((2, 4)),
    "shrink": Story((4, 1)),
    "empty and refill": Story((3, 0, 4)),
    "empty": Story((4, 0)),
    "grow and teardown": Story((2, 4), is_torn_down=True),
}


STORIES_THAT_GO_ON = ("empty and refill", "grow and teardown")
STORIES_THAT_END = ("provision", "provision and teardown")
"""What is told with a fault that passes, and with one that does not: the others would add nothing."""


@dataclasses.dataclass(frozen=True)
class Fault:
    """What goes wrong in the cloud."""

    arm: object
    """A function of (world, request) that arranges it."""
    ends: str | None = None
    """The class of the failure in which a burst ends by it; None: it passes."""


def _order(error, *calls, times):
    def arm(world, _):
        for call in calls:
            world.faults.order(call, *[error] * times)

    return arm


def _become(create_s, **fate):
    def arm(world, _):
        world.clusters.create_s, world.clusters.fate = create_s, fate

    return arm


def _silence(world, _):
    world.clusters.missing_zones.add("us-east1-b")
    world.clusters.missing_until = world.clock.now() + 100


def _take_name(world, request):
    name = build_cluster_spec(request).name
    labels = {"overspill": "true", "team": "other"}
    theirs = Cluster(name=name, zone=request.zone, status=ClusterStatus.RUNNING, labels=labels, created_at=1.0)
    world.clusters.put(theirs)


BUSY = errors.Busy("another operation runs.")
AWAY = errors.Unavailable("HTTP 503.")
EXPIRED = errors.TokenRefused("HTTP 401.")
EVERY_CALL = (
    *("get", "list", "create", "delete", "resize", "operations", "connect", "manifest", "publish", "list_pods"),
    *(
        f"{verb} {kind}"
        for verb in ("apply", "create", "read", "list")
        for kind in ("Namespace", "MiniCluster", "Service")
    ),
)
DEGRADED = {
    "status": ClusterStatus.DEGRADED,
    "endpoint": "10.0.0.1",
    "complaints": (Complaint(code="UNKNOWN", text="something lacks"),),
}
FOR_GOOD = 500
FAULTS = {
    "none": Fault(lambda *_: None),
    "503 storm": Fault(_order(AWAY, *EVERY_CALL, times=1)),
    "token refused": Fault(_order(EXPIRED, "get", "list", "apply Secret", "read MiniCluster", "list_pods", times=1)),
    "operation of somebody else": Fault(_order(BUSY, "create", "delete", "resize", times=3)),
    "webhook not ready": Fault(_order(AWAY, "create MiniCluster", "apply MiniCluster", times=3)),
    "slow": Fault(lambda world, _: setattr(world.clusters, "create_s", 150)),
    "zone silent": Fault(_silence),
    "stock-out at once": Fault(_order(errors.CapacityUnavailable("no nodes."), "create", times=FOR_GOOD), "capacity"),
    "stock-out soon": Fault(_become(20, **stocked_out()), "capacity"),
    "stock-out late": Fault(_become(800, **stocked_out()), "capacity"),
    "quota": Fault(_order(errors.QuotaExceeded("CPUS."), "create", times=FOR_GOOD), "quota"),
    "no permission": Fault(_order(errors.PermissionDenied("clusters.create."), "create", times=FOR_GOOD), "permission"),
    "no permission inside": Fault(
        _order(errors.PermissionDenied("secrets.create."), "apply Secret", times=FOR_GOOD), "permission"
    ),
    "bad request": Fault(_order(errors.InvalidRequest("machine type."), "create", times=FOR_GOOD), "config"),
    "bad manifest": Fault(_order(errors.ConfigError("its hash differs."), "manifest", times=FOR_GOOD), "config"),
    "cluster degraded": Fault(_become(60, **DEGRADED), "boot"),
    "name taken": Fault(_take_name, "config"),
}
