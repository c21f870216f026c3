"""The adapter of `own_pod.OwnPod`: the Kubernetes API as a pod sees it, by plain HTTPS.

A service account's token and authority lie where every pod has them; where there are none, this is no cluster. It
reads and changes nothing. Needed: get and list of pods and services in the pod's namespace, and list of nodes for node
ports. Whatever is refused is a problem told, not an error: every value has another source.
"""

from __future__ import annotations

import json
import logging
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from overspill_agent.own_pod import Node, PodFacts, Service, ServicePort, ServiceType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from overspill_agent.own_pod import OwnPod

log = logging.getLogger(__name__)

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes mounts `token`, `ca.crt` and `namespace`."""
TIMEOUT_S: Final = 5.0
"""How long the API may keep silent."""

_DIGEST: Final = re.compile(r"(?:docker-pullable://)?([A-Za-z0-9][A-Za-z0-9._/:-]*@sha256:[0-9a-f]{64})")
_WAIT_SCRIPT: Final = re.compile(r"/flux_operator/wait-[0-9]+\.sh")
"""The Flux Operator starts the containers that run Flux by it."""
_VIEW_SCRIPT: Final = "/flux_operator/flux-init.sh"
"""And by this the init container that brings Flux."""


class KubernetesPod:
    """The pod that this process runs in."""

    def __init__(
        self, *, host: str, port: int, name: str, folder: Path = SERVICE_ACCOUNT, timeout_s: float = TIMEOUT_S
    ) -> None:
        """`host` and `port` are the API's; `name` is the pod's name, or its host name; `folder` holds the account."""
        self._origin = f"https://{f'[{host}]' if ':' in host else host}:{port}"
        self._name = name
        self._folder = folder
        self._timeout_s = timeout_s

    def read(self) -> PodFacts:
        """Ask for the pod, the Services and the nodes; what is not told stands in `problems`."""
        try:
            token = (self._folder / "token").read_text().strip()
            namespace = (self._folder / "namespace").read_text().strip()
            context = ssl.create_default_context(cafile=str(self._folder / "ca.crt"))
        except (OSError, ssl.SSLError) as exc:
            return PodFacts(problems=(f"the service account in {self._folder} cannot be read: {exc}",))
        problems: list[str] = []
        api = _Api(self._origin, token, context, self._timeout_s, problems)
        within = f"/api/v1/namespaces/{urllib.parse.quote(namespace)}"
        pod = _own(api.items(f"{within}/pods"), self._name)
        if pod is None:
            problems.append(f"no pod in the namespace {namespace} is called {self._name}")
            return PodFacts(problems=tuple(problems))
        services = tuple(_service(item) for item in api.items(f"{within}/services"))
        has_node_port = any(service.type is ServiceType.NODE_PORT for service in services)
        nodes = tuple(_node(item) for item in api.items("/api/v1/nodes")) if has_node_port else ()
        return _pod_facts(pod, services=services, nodes=nodes, problems=tuple(problems))


def find_own_pod(environ: Mapping[str, str], *, folder: Path = SERVICE_ACCOUNT) -> OwnPod | None:
    """Give the pod that this process runs in, or None outside of a cluster.

    The pod's name is POD_NAME (set it by the downward API) or HOSTNAME, which in an indexed Job is the pod's host name.
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT", "443")
    name = environ.get("POD_NAME") or environ.get("HOSTNAME")
    if not host or not port.isdecimal() or not name or not (folder / "token").is_file():
        return None
    return KubernetesPod(host=host, port=int(port), name=name, folder=folder)


def read_own_pod(environ: Mapping[str, str], *, folder: Path = SERVICE_ACCOUNT) -> PodFacts | None:
    """Give what the cluster tells of this pod, or None outside of one; what it does not tell is logged."""
    pod = find_own_pod(environ, folder=folder)
    if pod is None:
        return None
    facts = pod.read()
    for problem in facts.problems:
        log.warning("own-pod.unread", extra={"error": problem})
    return facts


class _Api:
    """Lists of objects, with one token; an error becomes a problem and an empty list."""

    def __init__(self, origin: str, token: str, context: ssl.SSLContext, timeout_s: float, problems: list[str]) -> None:
        # No proxy: the API is inside of the cluster, whatever the environment says of the world outside.
        handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)
        self._origin = origin
        self._token = token
        self._timeout_s = timeout_s
        self._problems = problems

    def items(self, path: str) -> list[dict[str, Any]]:
        request = urllib.request.Request(  # noqa: S310 - the origin is https
            self._origin + path, headers={"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        )
        try:
            with self._opener.open(request, timeout=self._timeout_s) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as exc:
            with exc:
                remedy = "; give the pod's service account a role that may list it" if exc.code in (401, 403) else ""
                self._problems.append(f"the Kubernetes API answers {path} with {exc.code} {exc.reason}{remedy}")
        except (OSError, ValueError) as exc:
            self._problems.append(f"the Kubernetes API does not answer {path}: {getattr(exc, 'reason', exc)}")
        else:
            return [item for item in answer.get("items") or () if isinstance(item, dict)]
        return []


def _own(pods: Iterable[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    """Give the pod of this name or host name: of several, as a Job that tried again leaves them, the one that runs."""
    own = [
        pod
        for pod in pods
        if name in ((pod.get("metadata") or {}).get("name"), (pod.get("spec") or {}).get("hostname"))
    ]
    return min(own, key=lambda pod: (pod.get("status") or {}).get("phase") != "Running", default=None)


def _pod_facts(
    pod: Mapping[str, Any], *, services: tuple[Service, ...], nodes: tuple[Node, ...], problems: tuple[str, ...]
) -> PodFacts:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    containers = spec.get("containers") or []
    app = _with_script(containers, _WAIT_SCRIPT) or (containers[0] if len(containers) == 1 else None)
    view = _with_script(spec.get("initContainers") or [], re.compile(re.escape(_VIEW_SCRIPT)))
    return PodFacts(
        labels=(pod.get("metadata") or {}).get("labels") or {},
        named_ports={
            port["name"]: port["containerPort"]
            for container in containers
            for port in container.get("ports") or ()
            if port.get("name")
        },
        node_name=spec.get("nodeName") or "",
        app_image=_image(app, status.get("containerStatuses") or ()),
        view_image=_image(view, status.get("initContainerStatuses") or ()),
        services=services,
        nodes=nodes,
        problems=problems,
    )


def _with_script(containers: list[dict[str, Any]], script: re.Pattern[str]) -> dict[str, Any] | None:
    return next(
        (item for item in containers if any(script.fullmatch(word) for word in item.get("command") or ())), None
    )


def _image(container: Mapping[str, Any] | None, statuses: Iterable[Mapping[str, Any]]) -> str | None:
    """Give a container's image by digest; as the pod names it where the runtime tells none that can be pulled."""
    if container is None:
        return None
    status = next((item for item in statuses if item.get("name") == container.get("name")), {})
    match = _DIGEST.fullmatch(status.get("imageID") or "")
    return match[1] if match else container.get("image")


def _service(item: Mapping[str, Any]) -> Service:
    spec = item.get("spec") or {}
    ingress = ((item.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    published = spec.get("type") in (ServiceType.LOAD_BALANCER, ServiceType.NODE_PORT)
    return Service(
        name=item["metadata"]["name"],
        type=ServiceType(spec["type"]) if published else ServiceType.OTHER,
        selector=spec.get("selector") or {},
        ports=tuple(
            ServicePort(
                port=port["port"], target=port.get("targetPort") or port["port"], node_port=port.get("nodePort")
            )
            for port in spec.get("ports") or ()
            if port.get("protocol", "TCP") == "TCP"
        ),
        ingress=tuple(address for point in ingress if (address := point.get("ip") or point.get("hostname"))),
    )


def _node(item: Mapping[str, Any]) -> Node:
    addresses = (item.get("status") or {}).get("addresses") or ()

    def of_type(kind: str) -> tuple[str, ...]:
        return tuple(address["address"] for address in addresses if address.get("type") == kind)

    return Node(name=item["metadata"]["name"], external_ips=of_type("ExternalIP"), internal_ips=of_type("InternalIP"))
