"""KubernetesApi over the official client: server-side apply, plain reads and deletes, of any kind of object.

How a cluster is reached stands here, and what the API server's errors mean; what is put into a cluster does not.
"""

from __future__ import annotations

import json
import ssl
import tempfile
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import tenacity
import urllib3
from kubernetes import client as kubernetes_client

from overspill_shared import errors
from overspill_shared.adapters.pod_status import is_settled, read_pods

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from overspill_shared.pods import Pod

FIELD_MANAGER: Final = "overspill"
TOKEN_REUSE_S: Final = 60.0
"""A token is fetched again after this long: Google's live for longer, but a cached one may have little left."""
REQUEST_TIMEOUT_S: Final = (5, 30)
"""For the connection, and for an answer."""

_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _CONFLICT, _TOO_MANY_REQUESTS, _SERVER_ERROR = 401, 403, 404, 409, 429, 500
_BAD_REQUEST, _INVALID = 400, 422
_NO_ANSWER: Final = 0
"""The client's own status for a failed TLS handshake."""


class KubernetesApiClient:
    """Implements ports.KubernetesApi for one cluster."""

    def __init__(
        self,
        endpoint: str,
        ca_pem: bytes,
        access_token: Callable[[], str],
        *,
        retry_for_s: float = 10,
        configuration: Any = None,
    ) -> None:
        """Prepare a connection to https://`endpoint`; nothing is sent yet.

        `ca_pem` vouches for the server's certificate (empty: the public authorities do). A server that cannot be
        reached is tried again for `retry_for_s` seconds a call: a new cluster's comes up a little after the cluster.
        A `configuration` (adapters.kubeconfig) says how to connect instead of all that comes before.
        """
        self._token = _ReusedToken(access_token)
        # The client takes the authority's certificate as a file only.
        self._ca_file = tempfile.NamedTemporaryFile(prefix="overspill-", suffix=".crt")  # noqa: SIM115 - lives as long as we do
        self._ca_file.write(ca_pem)
        self._ca_file.flush()
        self._client = kubernetes_client.ApiClient(configuration or self._configuration(endpoint, bool(ca_pem)))
        self._resources: dict[tuple[str, str], tuple[str, bool]] = {}
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(errors.Unavailable),
            stop=tenacity.stop_after_delay(retry_for_s),
            wait=tenacity.wait_random_exponential(multiplier=0.1, max=2),
            reraise=True,
        )

    def apply(self, manifest: Mapping[str, Any]) -> None:
        """Server-side apply: fields that somebody else set differently become ours."""
        metadata = manifest["metadata"]
        self._retrying(
            self._request,
            "PATCH",
            self._path(manifest["apiVersion"], manifest["kind"], metadata["name"], metadata.get("namespace")),
            body=manifest,
            query=[("fieldManager", FIELD_MANAGER), ("force", "true")],
            may_quote=manifest["kind"] != "Secret",
        )

    def create(self, manifest: Mapping[str, Any]) -> None:
        """Post an object."""
        self._retrying(
            self._request,
            "POST",
            self._collection_path(manifest["apiVersion"], manifest["kind"], manifest["metadata"].get("namespace")),
            body=manifest,
            query=[("fieldManager", FIELD_MANAGER)],
            may_quote=manifest["kind"] != "Secret",
        )

    def read(self, api_version: str, kind: str, name: str, *, namespace: str | None = None) -> dict[str, Any] | None:
        """Get an object."""
        try:
            found: dict[str, Any] = self._retrying(
                self._request, "GET", self._path(api_version, kind, name, namespace), may_quote=kind != "Secret"
            )
        except errors.NotFound:
            return None
        return found

    def list(
        self, api_version: str, kind: str, *, namespace: str | None = None, label_selector: str = ""
    ) -> tuple[dict[str, Any], ...]:
        """List objects, in one answer: pages could be of different moments."""
        try:
            path = self._collection_path(api_version, kind, namespace)
        except errors.NotFound:
            return ()
        query = [("labelSelector", label_selector)] if label_selector else []
        listed = self._retrying(self._request, "GET", path, query=query, may_quote=kind != "Secret")
        # Built-in kinds come without them in a list.
        return tuple({"apiVersion": api_version, "kind": kind, **item} for item in listed["items"])

    def delete(self, api_version: str, kind: str, name: str, *, namespace: str | None = None) -> None:
        """Delete an object; what it owns follows in the background."""
        try:
            path = self._path(api_version, kind, name, namespace)
            query = [("propagationPolicy", "Background")]
            self._retrying(self._request, "DELETE", path, query=query, may_quote=kind != "Secret")
        except errors.NotFound:
            return

    def list_pods(self, namespace: str, label_selector: str) -> tuple[Pod, ...]:
        """List pods, and the events about them where these can say why one does not run."""
        pods = self.list("v1", "Pod", namespace=namespace, label_selector=label_selector)
        if all(map(is_settled, pods)):
            return read_pods(pods)
        return read_pods(pods, self.list("v1", "Event", namespace=namespace))

    def close(self) -> None:
        """Close the connections."""
        self._client.rest_client.pool_manager.clear()
        self._client.close()
        self._ca_file.close()

    def _configuration(self, endpoint: str, has_own_ca: bool) -> Any:
        configuration = kubernetes_client.Configuration()
        configuration.host = f"https://{endpoint}"
        # Python's own authorities, which SSL_CERT_FILE can name; the client would take certifi's whatever is set.
        authorities = ssl.get_default_verify_paths().cafile
        configuration.ssl_ca_cert = self._ca_file.name if has_own_ca else authorities
        configuration.retries = False
        # Asked before each request, but only where the key is there already.
        configuration.refresh_api_key_hook = self._set_token
        self._set_token(configuration)
        return configuration

    def _set_token(self, configuration: Any) -> None:
        bearer = f"Bearer {self._token.get()}"
        # Releases of the client differ in which of the two they read.
        configuration.api_key["authorization"] = bearer
        configuration.api_key["BearerToken"] = bearer

    def _path(self, api_version: str, kind: str, name: str, namespace: str | None) -> str:
        return f"{self._collection_path(api_version, kind, namespace or 'default')}/{quote(name, safe='')}"

    def _collection_path(self, api_version: str, kind: str, namespace: str | None) -> str:
        plural, is_namespaced = self._resource(api_version, kind)
        middle = f"namespaces/{quote(namespace, safe='')}/" if is_namespaced and namespace else ""
        return f"{_group_path(api_version)}/{middle}{plural}"

    def _resource(self, api_version: str, kind: str) -> tuple[str, bool]:
        """Give a kind's plural, and whether it lives in namespaces, as the server's discovery has it.

        Raises NotFound if the server does not know the kind (yet).
        """
        if (api_version, kind) not in self._resources:
            listed = self._retrying(self._request, "GET", _group_path(api_version))
            for item in listed["resources"]:
                if "/" not in item["name"]:
                    self._resources[api_version, item["kind"]] = (item["name"], bool(item["namespaced"]))
        if (api_version, kind) not in self._resources:
            raise errors.NotFound(f"the cluster does not know the kind {kind} of {api_version}.")
        return self._resources[api_version, kind]

    def _request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Sequence[tuple[str, str]] = (),
        may_quote: bool = True,
    ) -> Any:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json" if method == "POST" else "application/apply-patch+yaml"
        try:
            return self._client.call_api(
                path,
                method,
                query_params=[*query],
                header_params=headers,
                body=body,
                response_type="object",
                auth_settings=["BearerToken"],
                _return_http_data_only=True,
                _request_timeout=REQUEST_TIMEOUT_S,
            )
        except kubernetes_client.ApiException as exc:
            # Its text holds the whole answer, which may hold what was sent.
            if exc.status == _CONFLICT and method == "POST":
                raise errors.AlreadyExists(f"the object of {method} {path} exists already.") from None
            if exc.status == _CONFLICT and {"resourceVersion", "uid"} & (body or {}).get("metadata", {}).keys():
                raise errors.Conflict(f"somebody else changed the object of {method} {path} meanwhile.") from None
            if exc.status == _UNAUTHORIZED:
                self._token.forget()
            raise _error(exc, f"{method} {path}", may_quote=may_quote) from None
        except urllib3.exceptions.HTTPError as exc:
            raise errors.Unavailable(
                f"the cluster's API server cannot be reached ({method} {path}): {type(exc).__name__}.",
                remedy="It is tried again.",
            ) from exc


class _ReusedToken:
    """A bearer token, fetched again when it is a minute old."""

    def __init__(self, fetch: Callable[[], str]) -> None:
        self._fetch = fetch
        self._token = ""
        self._fetched_at = float("-inf")

    def get(self) -> str:
        if time.monotonic() - self._fetched_at > TOKEN_REUSE_S:
            self._token, self._fetched_at = self._fetch(), time.monotonic()
        return self._token

    def forget(self) -> None:
        """Fetch another one next time: this one was refused."""
        self._fetched_at = float("-inf")


def _group_path(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _error(exc: Any, call: str, *, may_quote: bool) -> errors.CloudError:
    said = _message(exc) if may_quote else f"HTTP {exc.status}"
    if exc.status == _UNAUTHORIZED:
        return errors.TokenRefused(
            f"the cluster's API server did not accept the token for {call}: {said}.",
            remedy="It is tried again with a fresh one; if this stays, look at the function's account.",
        )
    if exc.status == _FORBIDDEN:
        return errors.PermissionDenied(
            f"the cluster's API server refused {call}: {said}.",
            remedy="Give the function's account the right in clusters (roles/container.admin holds all).",
        )
    if exc.status == _NOT_FOUND:
        return errors.NotFound(f"the cluster's API server has nothing at {call}: {said}.")
    if exc.status in (_NO_ANSWER, _CONFLICT, _TOO_MANY_REQUESTS) or exc.status >= _SERVER_ERROR:
        return errors.Unavailable(f"the cluster's API server could not do {call}: {said}.", remedy="It is tried again.")
    kind = errors.InvalidRequest if exc.status in (_BAD_REQUEST, _INVALID) else errors.CloudError
    return kind(f"the cluster's API server refused {call}: {said}.", code=f"kubernetes-{exc.status}")


def _message(exc: Any) -> str:
    """Give a Status object's message, or else the HTTP reason."""
    try:
        content = json.loads(exc.body or "")
    except ValueError:
        content = None
    text = content.get("message") if isinstance(content, dict) else None
    return str(text or exc.reason).strip().rstrip(".")[:1000]
