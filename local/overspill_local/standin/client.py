"""A client of a stand-in instance: submit, watch, list, cancel.

For the demo, the command line and tests. The agent has its own, as it shares no code with the embedded cloud.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
from typing import TYPE_CHECKING, Any, Final, Self

from overspill_local.standin.protocol import MAX_LINE, decode, encode, socket_path
from overspill_shared.errors import ConfigError, FluxError, FluxUnavailable
from overspill_shared.idset import Ranks, format_idset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from types import TracebackType

CALL_TIMEOUT_S: Final = 10.0
CONNECT_RETRY_S: Final = 0.02
DEFAULT_URGENCY: Final = 16


class StandInClient:
    """One connection to the lead broker; `async with` closes it.

    Every method raises FluxUnavailable if the lead is gone, and FluxError, its `code` an errno's name, if it refuses.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Queue[dict[str, Any] | None]] = {}
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, uri: str, *, timeout_s: float = CALL_TIMEOUT_S) -> Self:
        """Connect to standin:///PATH, waiting up to `timeout_s` for the lead to come up.

        Raises ConfigError if that is no such address.
        """
        try:
            path = socket_path(uri)
        except ValueError as exc:
            raise ConfigError(f"FLUX_URI: {exc}.", remedy="Give the lead's local URI.", code="flux-uri") from None
        try:
            async with asyncio.timeout(timeout_s):
                return cls(*await _open(path))
        except TimeoutError:
            raise _unavailable(f"no stand-in instance answers at {uri}") from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection."""
        self._reading.cancel()
        self._writer.close()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._reading
            await self._writer.wait_closed()

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Make one request of `protocol`'s table."""
        async with asyncio.timeout(CALL_TIMEOUT_S):
            async for kind, content in self._request(method, params):
                if kind == "result":
                    return content
        raise _unavailable("the lead gave no answer")

    async def submit(self, jobspec: Mapping[str, Any], *, urgency: int = DEFAULT_URGENCY) -> int:
        """Submit a jobspec; gives the job's id."""
        result = await self.call("job.submit", jobspec=jobspec, urgency=urgency)
        return int(result["jobid"])

    async def output(self, jobid: int) -> AsyncIterator[dict[str, Any]]:
        """Give a job's lines of output, {rank, host, task, stream, line}, until the job is inactive."""
        async for kind, content in self._request("job.output", {"jobid": jobid}):
            if kind == "event":
                yield content

    async def wait(self, jobid: int, *, timeout_s: float) -> dict[str, Any]:
        """Wait until a job is inactive; gives its entry of `jobs`. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            async for kind, content in self._request("job.output", {"jobid": jobid}):
                if kind == "result":
                    return content
        raise _unavailable("the lead gave no answer")

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Give the events of `subscribe`, without end."""
        async for _, content in self._request("subscribe", {}):
            yield content

    async def jobs(self) -> list[dict[str, Any]]:
        """Give every job, oldest first."""
        jobs: list[dict[str, Any]] = (await self.call("job.list"))["jobs"]
        return jobs

    async def cancel(self, jobid: int) -> None:
        """Cancel a job."""
        await self.call("job.raise", jobid=jobid, severity=0, type="cancel", note="")

    async def resource_list(self) -> dict[str, dict[str, Any]]:
        """Give free, allocated and down: {nnodes, ncores, ngpus, ranks, nodelist} each."""
        return await self.call("resource.list")

    async def drain(self, ranks: Ranks, reason: str) -> None:
        """Let ranks take no new work."""
        await self.call("resource.drain", ranks=format_idset(ranks), reason=reason)

    async def undrain(self, ranks: Ranks) -> None:
        """Let ranks take work again."""
        await self.call("resource.undrain", ranks=format_idset(ranks))

    async def _request(self, method: str, params: Mapping[str, Any]) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Give what comes for a request: events, then its result."""
        request_id = next(self._ids)
        inbox = self._waiting[request_id] = asyncio.Queue()
        try:
            if self._reading.done():
                inbox.put_nowait(None)
            else:
                self._writer.write(encode({"id": request_id, "method": method, "params": dict(params)}))
            while (message := await inbox.get()) is not None:
                if "error" in message:
                    raise _refused(method, message["error"])
                kind = "result" if "result" in message else "event"
                yield kind, message[kind]
                if kind == "result":
                    return
        finally:
            del self._waiting[request_id]
        raise _unavailable("the lead is gone")

    async def _read(self) -> None:
        try:
            while (line := await self._reader.readline()).endswith(b"\n"):
                message = decode(line)
                if inbox := self._waiting.get(message["id"]):
                    inbox.put_nowait(message)
        except (OSError, ValueError):  # broken off: as good as its end
            pass
        finally:
            for inbox in self._waiting.values():
                inbox.put_nowait(None)


async def _open(path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    while True:
        try:
            return await asyncio.open_unix_connection(path, limit=MAX_LINE)
        except OSError:  # not there yet
            await asyncio.sleep(CONNECT_RETRY_S)


def _refused(method: str, error: Mapping[str, Any]) -> FluxError:
    code = errno.errorcode.get(error["errno"], "flux")
    return FluxError(f"{method}: {error['text']}.", remedy="Correct the request.", code=code)


def _unavailable(text: str) -> FluxUnavailable:
    return FluxUnavailable(f"{text}.", remedy="Start the lead broker, and look at its log.")
