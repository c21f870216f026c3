"""The dead-man: a script that runs in a burst's cluster and deletes its MiniCluster once the burst's Lease has lapsed.

It is the only switch that needs nothing from outside the cluster. Its text is put into a ConfigMap and run by any
image's Python 3.11 or newer, so nothing but the standard library is imported, and nothing of Overspill. It asks for two
rights: to get one Lease, and to delete one MiniCluster.

Doubt is no reason to delete: a Lease that is missing, broken or out of reach is logged, and asked for again.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from datetime import datetime

POLL_S = 20.0
REQUEST_TIMEOUT_S = 15.0
LEASE = "/apis/coordination.k8s.io/v1/namespaces/{}/leases/{}"
MINICLUSTER = "/apis/flux-framework.org/v1alpha2/namespaces/{}/miniclusters/{}"
NOT_FOUND = 404


class Api:
    """The cluster's API, as a pod's service account sees it."""

    def __init__(self, folder: str, host: str, port: str) -> None:
        """`folder` is where the service account's token, ca.crt and namespace are mounted."""
        self._folder = folder
        self._root = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        self._tls = ssl.create_default_context(cafile=os.path.join(folder, "ca.crt"))  # noqa: PTH118 - os.path loads nothing more
        self.namespace = self._read("namespace")

    def call(self, method: str, path: str) -> dict[str, object] | None:
        """Give the answer's object, None for 404; raises OSError or ValueError."""
        # The token is replaced about every hour.
        headers = {"Authorization": "Bearer " + self._read("token"), "Accept": "application/json"}
        request = urllib.request.Request(self._root + path, method=method, headers=headers)  # noqa: S310 - https, see above
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT_S, context=self._tls) as answer:  # noqa: S310
                content = json.load(answer)
        except urllib.error.HTTPError as exc:
            exc.close()
            if exc.code == NOT_FOUND:
                return None
            raise
        return content if isinstance(content, dict) else {}

    def _read(self, name: str) -> str:
        with open(os.path.join(self._folder, name), encoding="utf-8") as file:  # noqa: PTH118, PTH123
            return file.read().strip()


def expiry(lease: dict[str, object]) -> float:
    """Give when a Lease lapses, in epoch seconds; raises KeyError, TypeError or ValueError if it does not say."""
    spec = lease["spec"]
    if not isinstance(spec, dict):
        raise TypeError("spec")
    renewed_at = datetime.fromisoformat(spec["renewTime"])
    return renewed_at.timestamp() + int(spec["leaseDurationSeconds"])


def look(api: Api, lease_name: str, minicluster: str, now: float) -> str:
    """Look once, delete what has lost its right to exist, and say what was found."""
    try:
        lease = api.call("GET", LEASE.format(api.namespace, lease_name))
        if lease is None:
            return "no-lease: nothing is deleted"
        left_s = expiry(lease) - now
        if left_s > 0:
            return "held"
        found = api.call("DELETE", MINICLUSTER.format(api.namespace, minicluster))
    except (OSError, ValueError) as exc:
        return f"not-answered: {exc}"
    except (KeyError, TypeError) as exc:
        return f"lease-unreadable: {type(exc).__name__} {exc}; nothing is deleted"
    return "lapsed: there is no MiniCluster" if found is None else "lapsed: the MiniCluster is deleted"


def main() -> None:
    """Look for ever; each new finding is one line of JSON."""
    folder, lease_name, minicluster = sys.argv[1:4]
    poll_s = float(sys.argv[4]) if len(sys.argv) > 4 else POLL_S  # noqa: PLR2004 - the fourth argument
    api = Api(folder, os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"])
    last = ""
    while True:
        finding = look(api, lease_name, minicluster, time.time())
        if finding != last:
            print(json.dumps({"event": "deadman", "finding": finding, "at": time.time()}), flush=True)  # noqa: T201
            last = finding
        time.sleep(poll_s)


if __name__ == "__main__":
    main()
