"""The service pod that forwards the exposed port to the lead broker: nginx, in the MiniCluster's `services`. Pure.

For clusters in which a Service cannot select the lead's own pod, or in which only one pod may be exposed. What is
forwarded stays encrypted from broker to broker (CURVE): the router holds no key.

Sources: nginx's ngx_stream_core_module and ngx_stream_proxy_module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from overspill_agent.init.lead_plan import OVERLAY_PORT

if TYPE_CHECKING:
    from overspill_agent.init.lead_plan import LeadPlan

CLUSTER_DNS: Final = "kube-dns.kube-system.svc.cluster.local"
"""The name of the cluster's DNS Service, in GKE and wherever CoreDNS keeps the customary name."""


def config_name(plan: LeadPlan) -> str:
    """Give the name of the router's ConfigMap."""
    return f"{plan.name}-overspill-router"


def nginx_conf(plan: LeadPlan) -> str:
    """Give the router's nginx.conf.

    The lead's name is looked up for every connection, since its pod may come back with another address; a name in
    `proxy_pass` itself would be looked up once. Brokers send a heartbeat every 2 s, far below the time-out.
    """
    return f"""\
# Forwards the exposed port to the lead broker. The official nginx image has the stream module built in.
worker_processes 1;
error_log stderr warn;

events {{
    worker_connections 4096;
}}

stream {{
    resolver {CLUSTER_DNS} valid=10s;
    map $server_port $lead {{
        default {plan.lead_fqdn}:{OVERLAY_PORT};
    }}
    server {{
        listen {OVERLAY_PORT};
        proxy_pass $lead;
        proxy_connect_timeout 5s;
        proxy_timeout 24h;
        proxy_socket_keepalive on;
    }}
}}
"""


def router_container(plan: LeadPlan) -> dict[str, Any]:
    """Give the service container. The operator runs an image's own command, and names a volume as its ConfigMap."""
    name = config_name(plan)
    volume = {"configMapName": name, "path": "/etc/nginx", "readOnly": True, "items": {"nginx.conf": "nginx.conf"}}
    return {
        "name": "router",
        "image": plan.router_image,
        "ports": [OVERLAY_PORT],
        "volumes": {name: volume},
    }


def router_config_map(plan: LeadPlan) -> dict[str, Any]:
    """Give the ConfigMap with nginx.conf."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": config_name(plan), "namespace": plan.namespace},
        "data": {"nginx.conf": nginx_conf(plan)},
    }
