"""The operator's control loop in one cluster: MiniClusters wanted, pods and status as they are.

Level-triggered: each event of a watch leads to one look at one MiniCluster, and a look may be repeated. How a pod is
run is the kubelet's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

import aiohttp

from overspill_local.flux_operator.kube_client import CONFLICT, NOT_FOUND, KubeApiError, KubeClient
from overspill_local.flux_operator.pod import event_manifest, plan_pod, pod_manifest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from overspill_local.faults.pods import PodFault, PodFaults
    from overspill_local.flux_operator.kubelet import Kubelet
    from overspill_local.flux_operator.pod import PodPlan

log = logging.getLogger(__name__)

MINICLUSTERS = "/apis/flux-framework.org/v1alpha2/miniclusters"
DEPLOYMENTS = "/apis/apps/v1/deployments"
RETRY_S = 0.1
"""Between looks for a resource that does not exist yet: the custom resource's definition comes with the first burst."""


class FluxOperator:
    """The operator of one cluster."""

    def __init__(
        self,
        client: KubeClient,
        kubelet: Kubelet,
        *,
        folder: Path,
        broker_retry_s: float,
        on_pod: Callable[[str, str], None],
        faults: PodFaults,
    ) -> None:
        """`folder` holds the pods' folders, `on_pod(name, phase)` hears of each, `faults` keep some from starting."""
        self._client = client
        self._kubelet = kubelet
        self._folder = folder
        self._broker_retry_s = broker_retry_s
        self._on_pod = on_pod
        self._faults = faults
        self._held: dict[Path, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to watch."""
        await self._client.__aenter__()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._miniclusters()), loop.create_task(self._deployments())]

    async def stop(self) -> None:
        """Stop watching, and every pod."""
        tasks = [*self._tasks, *self._held.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._kubelet.stop_all()
        await self._client.__aexit__(None, None, None)

    async def _miniclusters(self) -> None:
        async for kind, minicluster in self._follow(MINICLUSTERS):
            if kind == "DELETED":
                await self._scale(minicluster, 0)
            else:
                await self._scale(minicluster, int(minicluster["spec"].get("size", 1)))
                await self._report(minicluster)

    async def _deployments(self) -> None:
        """Play the Deployment controller: whatever is to run runs."""
        async for kind, deployment in self._follow(DEPLOYMENTS):
            metadata = deployment["metadata"]
            seen = (deployment.get("status") or {}).get("observedGeneration", 0)
            if kind != "DELETED" and seen < metadata["generation"]:
                replicas = deployment["spec"].get("replicas", 1)
                status = {
                    "observedGeneration": metadata["generation"],
                    "replicas": replicas,
                    "readyReplicas": replicas,
                    "availableReplicas": replicas,
                    "conditions": [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}],
                }
                path = f"/apis/apps/v1/namespaces/{metadata['namespace']}/deployments/{metadata['name']}"
                await self._client.patch_status(path, status)

    async def _follow(self, path: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Give every change of a resource, for as long as the cluster is there."""
        while True:
            try:
                async for event in self._client.watch(path):
                    yield event
            except (KubeApiError, aiohttp.ClientError, TimeoutError) as exc:
                if not (isinstance(exc, KubeApiError) and exc.status == NOT_FOUND):
                    log.warning("operator.watch_ended", extra={"path": path, "error": str(exc)})
            await asyncio.sleep(RETRY_S)

    async def _scale(self, minicluster: dict[str, Any], size: int) -> None:
        try:
            for index in range(size):
                if not self._is_there(self._pod_folder(minicluster, index)):
                    await self._start_pod(minicluster, index)
            index = size
            while self._is_there(self._pod_folder(minicluster, index)):
                await self._stop_pod(minicluster, index)
                index += 1
        except (KubeApiError, aiohttp.ClientError, TimeoutError) as exc:
            log.warning("operator.reconcile_failed", extra={"minicluster": _name(minicluster), "error": str(exc)})

    async def _start_pod(self, minicluster: dict[str, Any], index: int) -> None:
        plan = plan_pod(minicluster, index, folder=self._pod_folder(minicluster, index), retry_s=self._broker_retry_s)
        manifest = pod_manifest(minicluster, index)
        try:
            await self._client.call("POST", f"/api/v1/namespaces/{manifest['metadata']['namespace']}/pods", manifest)
        except KubeApiError as exc:
            if exc.status != CONFLICT:
                raise
        if (fault := self._faults.take(plan.hostname)) is not None:
            self._held[plan.folder] = asyncio.get_running_loop().create_task(self._hold(plan, manifest, fault))
        else:
            await self._run_pod(plan, manifest)

    async def _hold(self, plan: PodPlan, manifest: dict[str, Any], fault: PodFault) -> None:
        """Keep a pod from starting, and let it say why."""
        metadata = manifest["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}"
        name = manifest["spec"]["containers"][0]["name"]
        containers = [{"name": name, **container} for container in fault.status.get("containerStatuses", ())]
        status = {**fault.status, **({"containerStatuses": containers} if containers else {})}
        if status:
            await self._client.patch_status(f"{path}/pods/{plan.hostname}", status)
        if fault.event is not None:
            await self._client.call("POST", f"{path}/events", event_manifest(manifest, *fault.event))
        self._on_pod(plan.hostname, "Pending")
        if fault.passes_after_s is None:
            return
        await asyncio.sleep(fault.passes_after_s)
        await self._client.patch_status(f"{path}/pods/{plan.hostname}", dict.fromkeys(status))
        await self._run_pod(plan, manifest)
        self._held.pop(plan.folder, None)

    async def _run_pod(self, plan: PodPlan, manifest: dict[str, Any]) -> None:
        namespace = manifest["metadata"]["namespace"]
        path = f"/api/v1/namespaces/{namespace}/pods"
        secrets = {
            mount.secret_name: (
                await self._client.call("GET", f"/api/v1/namespaces/{namespace}/secrets/{mount.secret_name}")
            )["data"]
            for mount in plan.mounts
        }

        async def ended(code: int) -> None:
            phase = "Succeeded" if code == 0 else "Failed"
            self._on_pod(plan.hostname, phase)
            with contextlib.suppress(KubeApiError, aiohttp.ClientError, TimeoutError):
                await self._client.patch_status(f"{path}/{plan.hostname}", {"phase": phase})

        await self._kubelet.start(plan, secrets, ended)
        self._on_pod(plan.hostname, "Running")
        await self._client.patch_status(
            f"{path}/{plan.hostname}",
            {"phase": "Running", "podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
        )

    def _is_there(self, folder: Path) -> bool:
        return folder in self._held or self._kubelet.is_running(folder)

    async def _stop_pod(self, minicluster: dict[str, Any], index: int) -> None:
        folder = self._pod_folder(minicluster, index)
        if (held := self._held.pop(folder, None)) is not None:
            held.cancel()
            await asyncio.gather(held, return_exceptions=True)
        if self._kubelet.is_running(folder):
            await self._kubelet.stop(folder)
        self._on_pod(f"{_name(minicluster)}-{index}", "Stopped")
        namespace = minicluster["metadata"]["namespace"]
        with contextlib.suppress(KubeApiError):
            await self._client.call("DELETE", f"/api/v1/namespaces/{namespace}/pods/{_name(minicluster)}-{index}")

    async def _report(self, minicluster: dict[str, Any]) -> None:
        spec = minicluster["spec"]
        name = _name(minicluster)
        size = int(spec.get("size", 1))
        status = {
            "jobid": f"{name}-0",
            "size": size,
            "maximumSize": int(spec.get("maxSize") or size),
            "selector": f"hpa-selector={name}",
        }
        if any((minicluster.get("status") or {}).get(key) != value for key, value in status.items()):
            path = f"{MINICLUSTERS.replace('/miniclusters', '')}/namespaces/{minicluster['metadata']['namespace']}"
            with contextlib.suppress(KubeApiError, aiohttp.ClientError, TimeoutError):
                await self._client.patch_status(f"{path}/miniclusters/{name}", status)

    def _pod_folder(self, minicluster: dict[str, Any], index: int) -> Path:
        metadata = minicluster["metadata"]
        return self._folder / str(metadata["namespace"]) / f"{metadata['name']}-{index}"


def _name(minicluster: dict[str, Any]) -> str:
    return str(minicluster["metadata"]["name"])
