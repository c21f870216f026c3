from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from overspill_local.free_port import free_port
from overspill_local.readiness import http_answers
from overspill_local.supervisor import Restart, Supervisor, new_marker

DEADLINE_S = 60.0
FUNCTION = """
import functions_framework

@functions_framework.cloud_event
def handle(event):
    pass
"""


def test_function_killed_with_its_workers_alive_serves_again_and_stops(tmp_path):
    (tmp_path / "main.py").write_text(FUNCTION)
    port = free_port()
    answers = http_answers("127.0.0.1", port)
    argv = ["functions-framework", f"--source={tmp_path / 'main.py'}", "--target=handle", "--host=127.0.0.1"]
    argv += ["--signature-type=cloudevent", f"--port={port}"]
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "THREADS": "2"}

    async def scenario(supervisor: Supervisor) -> None:
        process = await supervisor.start("function", argv, env=env, ready=answers, restart=Restart())
        first = {found.pid for found in supervisor.found()}
        assert len(first) >= 2, "a master and a worker"

        os.kill(process.pid, signal.SIGKILL)

        while not (process.restarts and await answers()):  # noqa: ASYNC110 - another process sets no event of ours
            await asyncio.sleep(0.05)
        assert not first & {found.pid for found in supervisor.found()}

    async def main() -> None:
        async with Supervisor(new_marker(), tmp_path / "logs") as supervisor:
            async with asyncio.timeout(DEADLINE_S):
                await scenario(supervisor)
        assert supervisor.found() == ()
        assert not await answers()

    asyncio.run(main())
