"""The Kubernetes objects of a lead: MiniCluster, ConfigMap, Service, and who the agent is there. Pure.

Fields as the Flux Operator (v1alpha2) reads them; where it would go wrong with what seems natural, a comment says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from overspill_agent.init import lead_files
from overspill_agent.init.lead_plan import OVERLAY_PORT, ServiceType
from overspill_agent.init.router import router_container
from overspill_shared.lead_config import Scheduler

if TYPE_CHECKING:
    from overspill_agent.init.lead_plan import LeadPlan

INTERNAL_LOAD_BALANCER: Final = "networking.gke.io/load-balancer-type"
WORKLOAD_IDENTITY: Final = "iam.gke.io/gcp-service-account"
RBAC: Final = "rbac.authorization.k8s.io"


def build_minicluster(plan: LeadPlan) -> dict[str, Any]:
    """Give the lead MiniCluster, with the agent beside its broker.

    `minSize` is the brokers' quorum: without it the lead waits for the burst's ranks too. Names and sizes of
    `bursting.clusters` are spelt out because the operator loses its own defaults for them. No `cleanup`: it would
    delete the MiniCluster when a broker ends.
    """
    flux: dict[str, Any] = {
        "brokerConfig": lead_files.broker_toml(plan),
        "container": {"image": plan.view_image},
        "scheduler": {"simple": plan.scheduler is Scheduler.SIMPLE},
        "bursting": {"clusters": [{"name": slot.name, "size": slot.size} for slot in plan.slots]},
    }
    pod: dict[str, Any] = {"serviceAccountName": plan.objects_name, "automountServiceAccountToken": True}
    if plan.topology:
        flux["topology"] = plan.topology
    if plan.uid:
        flux["container"]["securityContext"] = _user(plan)
        pod["securityContext"] = {"fsGroup": plan.uid}
    spec: dict[str, Any] = {
        "size": plan.size,
        "minSize": plan.size,
        "maxSize": plan.size,
        "interactive": True,
        "flux": flux,
        "pod": pod,
        "containers": [_broker_container(plan), _agent_container(plan)],
    }
    if plan.has_router:
        spec["services"] = [router_container(plan)]
    return {
        "apiVersion": "flux-framework.org/v1alpha2",
        "kind": "MiniCluster",
        "metadata": _metadata(plan, plan.name),
        "spec": spec,
    }


def build_config_map(plan: LeadPlan, files: dict[str, str]) -> dict[str, Any]:
    """Give the ConfigMap with files that the lead's pods read, by name."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(plan, plan.objects_name),
        "data": files,
    }


def build_service(plan: LeadPlan) -> dict[str, Any]:
    """Give the Service by which burst nodes reach the lead.

    Both labels are needed: a burst's index 0 has the same `job-index`. The operator's service pod has `services` there.
    """
    port: dict[str, Any] = {"name": "overlay", "port": OVERLAY_PORT, "targetPort": OVERLAY_PORT, "protocol": "TCP"}
    if plan.service is ServiceType.NODEPORT:
        port["nodePort"] = plan.node_port
    metadata = _metadata(plan, plan.objects_name)
    if plan.service is ServiceType.INTERNAL:
        metadata["annotations"] = {INTERNAL_LOAD_BALANCER: "Internal"}
    spec: dict[str, Any] = {
        "type": "NodePort" if plan.service is ServiceType.NODEPORT else "LoadBalancer",
        "selector": {"job-name": plan.name, "job-index": "services" if plan.has_router else "0"},
        "ports": [port],
    }
    if plan.admitted and plan.service is not ServiceType.NODEPORT:
        spec["loadBalancerSourceRanges"] = [str(network) for network in plan.admitted]
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def build_access(plan: LeadPlan) -> list[dict[str, Any]]:
    """Give the agent's service account, and the rights to find out where its lead is reached: reading, nothing else."""
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(plan, plan.objects_name)
        | ({"annotations": {WORKLOAD_IDENTITY: plan.service_account}} if plan.service_account else {}),
    }
    objects = [
        account,
        *_granted(
            plan,
            "Role",
            plan.objects_name,
            [
                # Its own pod, whose labels and images it needs, and the Services that select it.
                {"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["get", "list"]},
            ],
        ),
    ]
    if plan.service is ServiceType.NODEPORT:
        # A node port is reached at a node's address, and nodes belong to no namespace.
        rule = {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list"]}
        objects += _granted(plan, "ClusterRole", f"{plan.namespace}-{plan.objects_name}", [rule])
    return objects


def _broker_container(plan: LeadPlan) -> dict[str, Any]:
    return {
        "image": plan.app_image,
        "runFlux": True,
        "commands": {"pre": lead_files.PRE},
        "securityContext": _user(plan),
        "volumes": _volumes(plan)
        | {plan.keys_secret: {"secretName": plan.keys_secret, "path": lead_files.KEYS_MOUNT, "readOnly": True}},
    }


def _agent_container(plan: LeadPlan) -> dict[str, Any]:
    """Give the sidecar.

    With `noWrapEntrypoint` the image's own entrypoint runs: the operator's wrapper waits, with a command that images
    lack, for a socket that never comes. The uid is the broker's, for only the instance's owner may serve it.
    """
    return {
        "name": "overspill",
        "image": plan.agent_image,
        "runFlux": False,
        "noWrapEntrypoint": True,
        "securityContext": _user(plan),
        "environment": {
            "FLUX_URI": lead_files.FLUX_URI,
            "OVERSPILL_CONFIG": f"{lead_files.MOUNT}/{lead_files.SETTINGS_FILE}",
        },
        "volumes": _volumes(plan),
    }


def _volumes(plan: LeadPlan) -> dict[str, Any]:
    """Give the ConfigMap's volume: its key must be the ConfigMap's name, for the operator calls the volume so."""
    return {plan.objects_name: {"configMapName": plan.objects_name, "path": lead_files.MOUNT, "readOnly": True}}


def _user(plan: LeadPlan) -> dict[str, Any]:
    return {"runAsUser": plan.uid, "runAsGroup": plan.uid}


def _granted(plan: LeadPlan, kind: str, name: str, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give a Role or ClusterRole, and its binding to the agent's service account."""
    metadata = _metadata(plan, name) if kind == "Role" else {"name": name}
    return [
        {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": metadata, "rules": rules},
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": f"{kind}Binding",
            "metadata": dict(metadata),
            "roleRef": {"apiGroup": RBAC, "kind": kind, "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": plan.objects_name, "namespace": plan.namespace}],
        },
    ]


def _metadata(plan: LeadPlan, name: str) -> dict[str, Any]:
    return {"name": name, "namespace": plan.namespace}
