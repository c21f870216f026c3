"""An embedded Kubernetes API: what Overspill and its users' clients need of one, in process and over real TLS.

Here lives the API server's side: objects, kinds, patches, watches, deletion, HTTP. No controller lives here
(Deployments stay unready until a client says otherwise), no scheduler, no kubelet, no RBAC, no admission webhooks;
and nothing of Flux.
"""

from overspill_local.kube.errors import ApiError
from overspill_local.kube.http import KubeServer
from overspill_local.kube.store import KubeStore

__all__ = ["ApiError", "KubeServer", "KubeStore"]
