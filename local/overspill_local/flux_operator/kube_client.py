"""A small asynchronous Kubernetes client: JSON over TLS, with watches that can be cancelled.

Only what the operator's stand-in needs; nothing here knows a kind.
"""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from overspill_local.faults.kube import INSIDE_AGENT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

NOT_FOUND = 404
CONFLICT = 409
GONE = 410
CALL_TIMEOUT_S = 10.0


class KubeApiError(Exception):
    """The API answered with an error; `status` is HTTP's."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


class KubeClient:
    """A connection to one cluster's API; `async with` it."""

    def __init__(self, url: str, *, ca_pem: bytes, token: str) -> None:
        self._url = url
        self._ssl = ssl.create_default_context(cadata=ca_pem.decode())
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": INSIDE_AGENT}
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(headers=self._headers, connector=aiohttp.TCPConnector(ssl=self._ssl))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.close()

    async def call(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json"
    ) -> dict[str, Any]:
        """Make one call and give the object that it answers.

        Raises KubeApiError for an error status, aiohttp.ClientError or TimeoutError if nobody answers.
        """
        headers = {"Content-Type": content_type}
        timeout = aiohttp.ClientTimeout(total=CALL_TIMEOUT_S)
        payload = None if body is None else json.dumps(body)
        async with self._session.request(
            method, self._url + path, data=payload, headers=headers, timeout=timeout
        ) as response:
            content: dict[str, Any] = await response.json()
            if not response.ok:
                raise KubeApiError(response.status, str(content.get("message", "")))
            return content

    async def patch_status(self, path: str, status: dict[str, Any]) -> None:
        """Merge into an object's status."""
        await self.call("PATCH", f"{path}/status", {"status": status}, content_type="application/merge-patch+json")

    async def watch(self, path: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """List what is there, as ADDED, then follow changes until the server ends the stream.

        Raises KubeApiError, GONE included: then list again.
        """
        listed = await self.call("GET", path)
        for item in listed["items"]:
            yield "ADDED", item
        version = listed["metadata"]["resourceVersion"]
        async with self._session.get(
            f"{self._url}{path}?watch=1&resourceVersion={version}", timeout=aiohttp.ClientTimeout(total=None)
        ) as response:
            if not response.ok:
                raise KubeApiError(response.status, await response.text())
            async for line in response.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise KubeApiError(int(event["object"].get("code", GONE)), str(event["object"].get("message")))
                yield event["type"], event["object"]

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise RuntimeError("use the client as an async context manager")
        return self._http
