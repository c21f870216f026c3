"""The embedded API over HTTP: authentication, routing, bodies and watch streams (aiohttp).

No rule about objects lives here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aiohttp import web

from overspill_local.faults.kube import INSIDE_AGENT, RequestFault, RequestFaults
from overspill_local.faults.orders import FaultOrders
from overspill_local.kube.discovery import discovery_document
from overspill_local.kube.errors import ApiError, method_not_allowed, unauthorized, unknown_path
from overspill_local.kube.reading import PodLogReader, Reply, read
from overspill_local.kube.requests import ResourceRequest, parse_path
from overspill_local.kube.store import KubeStore
from overspill_local.kube.watching import watch, watch_options
from overspill_local.kube.writing import write

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

_MAX_BODY_BYTES = 3 * 1024 * 1024
_SHUTDOWN_TIMEOUT_S = 0.5
_HEALTH_PATHS = frozenset({"/healthz", "/livez", "/readyz"})


def _no_log(_namespace: str, _pod: str) -> str:
    return ""


class KubeServer:
    """One embedded Kubernetes API: objects in memory, served over HTTP or HTTPS.

    `token_is_valid` says whether a bearer token is accepted; without one that is, the answer is 401.
    `read_pod_log` is asked for the log of a pod. `store` may be one with a clock or a journal of the caller's.
    `faults` are what its clients shall meet.
    """

    def __init__(
        self,
        *,
        token_is_valid: Callable[[str], bool],
        read_pod_log: PodLogReader = _no_log,
        store: KubeStore | None = None,
        faults: RequestFaults | None = None,
    ) -> None:
        self.store = store or KubeStore()
        self._token_is_valid = token_is_valid
        self._read_pod_log = read_pod_log
        self.faults: RequestFaults = FaultOrders() if faults is None else faults
        self._is_stopping = False
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0, ssl_context: ssl.SSLContext | None = None) -> int:
        """Serve on `host`, and return the port: a free one if `port` is 0. With `ssl_context`, HTTPS only."""
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_TIMEOUT_S
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, ssl_context=ssl_context).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """End the watch streams and serve no more."""
        self._is_stopping = True
        self.store.wake_watchers()
        if self._runner is None or self._runner.server is None:
            return
        transports = [each.transport for each in self._runner.server.connections if each.transport]
        await self._runner.cleanup()
        for transport in transports:
            # A client that keeps its connection open takes no leave: TLS would wait half a minute for it.
            transport.abort()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        fault = self._fault(request)
        if fault is not None and not fault.is_done_first:
            return _faulty(request, fault)
        try:
            self._authenticate(request)
            response = await self._respond(request)
        except ApiError as error:
            return web.json_response(error.status(), status=error.code)
        return response if fault is None else _faulty(request, fault)

    def _fault(self, request: web.Request) -> RequestFault | None:
        if request.headers.get("User-Agent") == INSIDE_AGENT:
            return None
        return self.faults.take(f"{request.method} {request.path}")

    def _authenticate(self, request: web.Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not self._token_is_valid(token):
            raise unauthorized()

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        if request.path in _HEALTH_PATHS:
            return web.Response(text="ok")
        parsed = await self._resource_request(request)
        if parsed is None:
            return web.json_response(discovery_document(request.path, self.store.resources))
        if parsed.is_watch:
            return await self._stream(request, parsed)
        return _response(self._reply(parsed))

    async def _resource_request(self, request: web.Request) -> ResourceRequest | None:
        path = parse_path(request.path)
        if path is None:
            return None
        body = await request.read()
        resource = self.store.resources.find(path.group, path.version, path.plural)
        if resource is None or (path.namespace is not None and not resource.namespaced):
            raise unknown_path()
        if path.subresource and path.subresource not in resource.subresources:
            raise unknown_path()
        if path.name is not None and resource.namespaced and path.namespace is None:
            raise unknown_path()
        return ResourceRequest(
            method=request.method,
            resource=resource,
            namespace=path.namespace,
            name=path.name,
            subresource=path.subresource,
            query=request.query,
            content_type=request.content_type,
            user_agent=request.headers.get("User-Agent", ""),
            body=body,
        )

    def _reply(self, request: ResourceRequest) -> Reply:
        if request.method == "GET":
            return read(self.store, request, self._read_pod_log)
        if request.subresource == "log":
            raise method_not_allowed()
        return write(self.store, request)

    async def _stream(self, request: web.Request, parsed: ResourceRequest) -> web.StreamResponse:
        options = watch_options(parsed)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        async for event in watch(self.store, options, lambda: self._is_stopping):
            await response.write(json.dumps(event).encode() + b"\n")
        return response


def _faulty(request: web.Request, fault: RequestFault) -> web.Response:
    if fault.status:
        error = ApiError(fault.status, fault.reason, fault.message)
        return web.json_response(error.status(), status=error.code)
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _response(reply: Reply) -> web.Response:
    if isinstance(reply.body, str):
        return web.Response(text=reply.body, status=reply.code)
    return web.json_response(reply.body, status=reply.code)
