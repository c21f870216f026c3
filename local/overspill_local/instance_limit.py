"""A function's limit of instances, as Cloud Run keeps it: a delivery too many is answered 429 at once.

It stands before the function's own process, which would rather let deliveries queue. What is in them is not looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import ClientError, ClientSession, ClientTimeout, web

if TYPE_CHECKING:
    from collections.abc import Callable

_PASSED_ON: Final = ("content-type", "authorization")


class InstanceLimit:
    """Passes at most `limit` deliveries at once on to `url`; `on_surplus` hears of each other one."""

    def __init__(self, url: str, limit: int, *, on_surplus: Callable[[], None]) -> None:
        self._url = url
        self._limit = limit
        self._on_surplus = on_surplus
        self._busy = 0
        self._session: ClientSession
        self._runner: web.AppRunner

    async def start(self, host: str) -> str:
        """Listen; gives the URL to deliver to."""
        self._session = ClientSession(timeout=ClientTimeout(total=None))
        application = web.Application(client_max_size=0)
        application.router.add_post("/{path:.*}", self._deliver)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, 0)
        await site.start()
        return f"http://{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Let go of what is being delivered."""
        await self._runner.cleanup()
        await self._session.close()

    async def _deliver(self, request: web.Request) -> web.Response:
        if self._busy >= self._limit:
            self._on_surplus()
            return web.Response(status=429, text="Rate exceeded.")
        self._busy += 1
        try:
            headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
            url = f"{self._url}{request.rel_url}"
            async with self._session.post(url, data=await request.read(), headers=headers) as answer:
                return web.Response(status=answer.status, body=await answer.read())
        except ClientError:
            return web.Response(status=503, text="The function does not answer.")
        finally:
            self._busy -= 1
