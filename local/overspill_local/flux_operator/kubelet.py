"""Running a cluster's pods as supervised processes in folders of their own.

Which pods there are is the controller's; what a pod runs is `pod`'s.
"""

from __future__ import annotations

import asyncio
import base64
import shutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from overspill_local.flux_operator.pod import BrokerCommand, PodPlan
    from overspill_local.process import Process
    from overspill_local.supervisor import Supervisor

POD_GRACE_S = 5.0
"""How long a pod's processes may take to end after SIGTERM; Kubernetes' default is 30 s."""
SECRET_MODE = 0o400
EXIT_TIMEOUT_S = 10**9
"""A pod may run for as long as it likes: its end is waited for by a task that is cancelled with it."""


class Kubelet:
    """The pods of one cluster."""

    def __init__(self, supervisor: Supervisor, broker: BrokerCommand, environ: Mapping[str, str]) -> None:
        self._supervisor = supervisor
        self._broker = broker
        self._environ = environ
        self._running: dict[Path, tuple[Process, asyncio.Task[None]]] = {}

    async def start(
        self, plan: PodPlan, secrets: Mapping[str, Mapping[str, str]], on_exit: Callable[[int], Any]
    ) -> None:
        """Lay out a pod's folder, run its script, and tell its exit code once it ends by itself.

        `secrets` gives the `data` of each Secret that the pod mounts.
        """
        _lay_out(plan, secrets)
        script = plan.folder / "entrypoint.sh"
        script.write_text(plan.script(self._broker))
        name = f"pod-{plan.folder.parent.name[-6:]}-{plan.hostname}"
        process = await self._supervisor.start(name, ["bash", str(script)], env=self._environ, cwd=plan.folder)
        watcher = asyncio.get_running_loop().create_task(self._watch(process, on_exit))
        self._running[plan.folder] = (process, watcher)

    def is_running(self, folder: Path) -> bool:
        """Tell whether a pod was started and not stopped; it may have ended by itself."""
        return folder in self._running

    async def stop(self, folder: Path) -> None:
        """Stop a pod and remove its folder, keys included."""
        process, watcher = self._running.pop(folder)
        watcher.cancel()
        await self._supervisor.stop(process, POD_GRACE_S)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def stop_all(self) -> None:
        """Stop every pod, all at once."""
        await asyncio.gather(*(self.stop(folder) for folder in tuple(self._running)))

    async def _watch(self, process: Process, on_exit: Callable[[int], Any]) -> None:
        code = await process.wait(EXIT_TIMEOUT_S)
        result = on_exit(-1 if code is None else code)
        if asyncio.iscoroutine(result):
            await result


def _lay_out(plan: PodPlan, secrets: Mapping[str, Mapping[str, str]]) -> None:
    plan.folder.mkdir(parents=True, mode=0o700)
    plan.run_directory.mkdir(mode=0o700)
    for file, text in plan.files().items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for mount in plan.mounts:
        place = plan.inside(mount.path)
        place.mkdir(parents=True, mode=0o700)
        for name, encoded in secrets[mount.secret_name].items():
            (place / name).write_bytes(base64.b64decode(encoded))
            (place / name).chmod(SECRET_MODE)
