"""`overspill-local up`: an embedded cloud that serves until SIGTERM, telling what happens."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

from overspill_local.cloud import EmbeddedCloud
from overspill_local.demo.narration import narrate
from overspill_local.reader import shown_while_read

if TYPE_CHECKING:
    from overspill_local.cloud_options import CloudOptions
    from overspill_local.timeline import Event


def serve_cloud(options: CloudOptions, *, as_json: bool) -> int:
    """Serve until SIGTERM, SIGINT or nobody reads what is told; gives the exit code."""
    return asyncio.run(_serve(options, as_json=as_json))


async def _serve(options: CloudOptions, *, as_json: bool) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    cloud = EmbeddedCloud(options)
    async with cloud:
        if as_json:
            _write_json(
                {
                    "event": "up.ready",
                    "env": cloud.environ(),
                    "endpoints": dict(cloud.endpoints),
                    "flux": options.flux,
                    "pid": os.getpid(),
                }
            )
            cloud.timeline.listen(shown_while_read(lambda event: _write_json(event.as_json()), stopping.set))
        else:
            _write_ready(cloud)
            cloud.timeline.listen(shown_while_read(_write_plain, stopping.set))
        await stopping.wait()
    left = cloud.processes_left()
    if left:
        sys.stderr.write(f"overspill-local: {left} processes could not be ended\n")
    return 1 if left else 0


def _write_ready(cloud: EmbeddedCloud) -> None:
    lines = [
        "# The embedded cloud is up. In another shell, beside a Flux lead broker:",
        *(f"export {name}={_quoted(value)}" for name, value in cloud.environ().items()),
        "overspill agent --log-format plain",
        f"# endpoints: {', '.join(f'{name} {address}' for name, address in cloud.endpoints.items())}",
        "# Stop with Ctrl-C.",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


def _write_json(content: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(content, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def _write_plain(event: Event) -> None:
    line = narrate(event)
    if line is not None:
        sys.stdout.write(f"{event.t:8.3f}s  {line[0]:<19}{line[1]}\n")
        sys.stdout.flush()
