"""Taking orders for faults over HTTP, on loopback: what `overspill-local fault` talks to.

`GET /faults` lists, `POST /faults` orders (a FaultOrder as JSON), `DELETE /faults` clears; each answers
`{"faults": […]}`, and what is wrong `{"error": …, "remedy": …}` with status 400.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from pydantic import ValidationError

from overspill_local.faults.book import CONTROL_PATH, FaultOrder
from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from overspill_local.faults.book import FaultBook


class ControlServer:
    """Serves one cloud's fault book."""

    def __init__(self, book: FaultBook) -> None:
        self._book = book
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1") -> int:
        """Listen on a free port; returns it."""
        application = web.Application()
        application.router.add_get(CONTROL_PATH, self._list)
        application.router.add_post(CONTROL_PATH, self._order)
        application.router.add_delete(CONTROL_PATH, self._clear)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, 0).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _list(self, _request: web.Request) -> web.Response:
        return self._answer()

    async def _clear(self, _request: web.Request) -> web.Response:
        self._book.clear()
        return self._answer()

    async def _order(self, request: web.Request) -> web.Response:
        try:
            order = FaultOrder.model_validate_json(await request.text())
            self._book.order(**order.model_dump())
        except ValidationError as exc:
            problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in exc.errors())
            return web.json_response({"error": problems, "remedy": ""}, status=400)
        except ConfigError as exc:
            return web.json_response({"error": exc.text, "remedy": exc.remedy}, status=400)
        return self._answer()

    def _answer(self) -> web.Response:
        return web.json_response({"faults": self._book.list()})
