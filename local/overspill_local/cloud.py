"""The embedded cloud, whole: Pub/Sub, GKE, a Kubernetes API a cluster, metadata, and the two functions as processes.

The composition root of `overspill-local`: servers and processes are made and joined here, started in order and stopped
in the opposite one. What happens is told to the timeline; nothing is printed.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import yaml

from overspill_local import function_processes, readiness, topics
from overspill_local.broker_commands import broker_command
from overspill_local.faults.book import CONTROL_VARIABLE, FaultBook
from overspill_local.faults.control import ControlServer
from overspill_local.free_port import free_port
from overspill_local.gke import GkeServer
from overspill_local.gke.protobufs import Cluster
from overspill_local.instance_limit import InstanceLimit
from overspill_local.kube_backend import KubeBackend, kubeconfig
from overspill_local.manifests import flux_operator_path
from overspill_local.message_tap import MessageTap
from overspill_local.metadata import MetadataServer
from overspill_local.own_environ import own_environ
from overspill_local.pubsub import PubSubServer
from overspill_local.reaper import marked_processes
from overspill_local.supervisor import Restart, Supervisor, new_marker
from overspill_local.sweep_scheduler import swept
from overspill_local.timeline import Timeline, parse_log_line
from overspill_local.together import together
from overspill_shared import names
from overspill_shared.sealing import generate_keypair

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from types import TracebackType

    from overspill_local.cloud_options import CloudOptions
    from overspill_local.kube import KubeStore
    from overspill_local.process import Process

HOST: Final = "127.0.0.1"
PROJECT: Final = "overspill-local"
EXISTING_CLUSTER: Final = "existing"


class EmbeddedCloud:
    """A running embedded cloud; `async with` it."""

    def __init__(
        self,
        options: CloudOptions,
        timeline: Timeline | None = None,
        *,
        beside: Callable[[EmbeddedCloud], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        """Prepare a cloud; `beside` is started together with the functions, for whoever is in a hurry."""
        self._beside = beside
        self.options = options
        self.timeline = timeline or Timeline()
        self.supervisor: Supervisor
        self.folder: Path
        self._marker = new_marker()
        self._stack = AsyncExitStack()
        self._public_key, self._private_key = generate_keypair()
        self._metadata = MetadataServer(PROJECT)
        self._endpoints: dict[str, str] = {}
        self._backend: KubeBackend
        self.faults: FaultBook
        """Where to order faults, once it runs."""

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop everything; stopping twice is no fault."""
        await self._stack.aclose()

    @property
    def is_official_pubsub(self) -> bool:
        """Whether messages go through somebody else's emulator."""
        return self.options.pubsub != "embedded"

    @property
    def endpoints(self) -> Mapping[str, str]:
        """Where each server listens."""
        return dict(self._endpoints)

    def environ(self) -> dict[str, str]:
        """Give every variable that clients of this cloud need, and no other."""
        return {
            **self._metadata.environ(),
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "PUBSUB_EMULATOR_HOST": self._endpoints["pubsub"],
            "GKE_EMULATOR_HOST": self._endpoints["gke"],
            CONTROL_VARIABLE: self._endpoints["control"],
            "OVERSPILL_DEPLOYMENT": self.options.deployment,
            "OVERSPILL_PUBLIC_KEY": self._public_key,
        }

    def process_environ(self) -> dict[str, str]:
        """Give the environment of a process that is this cloud's client: the caller's, with our variables."""
        return {**own_environ(HOST), **self.environ()}

    def clusters_left(self) -> tuple[str, ...]:
        """Give the clusters that exist, in whatever state."""
        return tuple(sorted({*self._backend.running, *self._gke.cluster_names()} - {EXISTING_CLUSTER}))

    def kubernetes_store(self, cluster: str) -> KubeStore:
        """Give the objects of a cluster that is up."""
        return self._backend.store(cluster)

    def keep_logs(self) -> Path:
        """Copy what every process wrote to a folder that outlives the cloud; keys are not among it."""
        kept = Path(tempfile.mkdtemp(prefix="overspill-logs-"))
        shutil.copytree(self.folder / "log", kept, dirs_exist_ok=True)
        return kept

    def processes_left(self) -> int:
        """Count the live processes of this run: after `stop`, the proof that nothing is left."""
        return len(marked_processes(self._marker))

    async def start_agent(self, environ: Mapping[str, str]) -> Process:
        """Start `overspill agent` with this environment and wait until it serves; its log goes to the timeline.

        Raises ProcessError with its last output if it does not come to serve its instance.
        """
        argv = [sys.executable, "-m", "overspill_agent", "agent", "--log-format", "json"]
        serves = asyncio.Event()

        def hear(line: str) -> None:
            self._note_log("agent", line)
            if '"agent.started"' in line:
                serves.set()

        async def is_serving() -> bool:
            return serves.is_set()

        return await self.supervisor.start("agent", argv, env=environ, on_line=hear, ready=is_serving)

    async def _start(self) -> None:
        self.folder = Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(prefix="ovs-", ignore_cleanup_errors=True))
        )
        self.supervisor = Supervisor(self._marker, self.folder / "log", scratch=self.folder)
        await self._start_metadata()
        await self._start_gke()
        await self._start_pubsub()
        # After the servers, so that it stops before them: brokers leave while their cluster still is there.
        await self._stack.enter_async_context(self.supervisor)
        await self._start_functions()
        sweeps = swept(PROJECT, self._endpoints["pubsub"], self.options.sweep_every_s)
        await self._stack.enter_async_context(sweeps)

    async def _start_metadata(self) -> None:
        port = await self._metadata.start(HOST)
        self._stack.push_async_callback(self._metadata.stop)
        self._endpoints["metadata"] = f"{HOST}:{port}"

    async def _start_gke(self) -> None:
        self._backend = KubeBackend(
            supervisor=self.supervisor,
            metadata=self._metadata,
            broker=broker_command(self.options.flux),
            pod_environ=own_environ(HOST),
            folder=self.folder / "pods",
            broker_retry_s=self.options.broker_retry_s,
            on_pod=lambda cluster, pod, phase: self._note(f"pod.{phase.lower()}", cluster=cluster, pod=pod),
        )
        self._gke = GkeServer(
            self._backend,
            create_s=self.options.create_s,
            delete_s=self.options.delete_s,
            on_event=lambda kind, cluster, detail: self._note(
                kind.value.replace("cluster-", "cluster."), cluster=cluster, detail=detail
            ),
        )
        port = await self._gke.start(HOST)
        self._stack.push_async_callback(self._gke.stop)
        self._endpoints["gke"] = f"{HOST}:{port}"
        self.faults = FaultBook(self._gke.faults, self._backend.faults, self._backend.pod_faults)
        control = ControlServer(self.faults)
        self._endpoints["control"] = f"{HOST}:{await control.start(HOST)}"
        self._stack.push_async_callback(control.stop)

    async def _start_pubsub(self) -> None:
        if self.is_official_pubsub:
            self._endpoints["pubsub"] = self.options.pubsub
            return
        server = PubSubServer()
        self._endpoints["pubsub"] = f"{HOST}:{await server.start(HOST)}"
        self._stack.push_async_callback(server.stop)
        server.on_publish(lambda topic, message: self._note_message(topic.rpartition("/")[2], dict(message.attributes)))

    async def _start_functions(self) -> None:
        key_file = self.folder / "private.key"
        key_file.touch(mode=0o600)
        key_file.write_bytes(self._private_key.reveal())
        # A cluster's DNS endpoint is vouched for by none of the public authorities.
        authorities = self.folder / "authorities.pem"
        self._backend.write_authorities(authorities)
        existing = await self._existing_cluster() if self.options.has_existing_cluster else {}
        environ = {
            **self.process_environ(),
            "OVERSPILL_PROJECT": PROJECT,
            "OVERSPILL_POLL_S": str(self.options.poll_s),
            "OVERSPILL_OPERATOR_MANIFEST": str(flux_operator_path()),
            "OVERSPILL_PRIVATE_KEY_FILE": str(key_file),
            "SSL_CERT_FILE": str(authorities),
            **existing,
            # Nothing here costs money, and the lead is wherever its user has it.
            "OVERSPILL_ALLOWED_MACHINE_TYPES": '["*"]',
            "OVERSPILL_ALLOWED_LEAD_RANGES": '["0.0.0.0/0", "::/0"]',
            "OVERSPILL_ALLOWED_LEAD_NAMES": '["*"]',
            **self.options.function_environ,
        }
        functions = (function_processes.provision(free_port()), function_processes.teardown(free_port()))
        beside = [] if self._beside is None else [self._beside(self)]
        started = [self._start_function(function, environ) for function in functions]
        await together(self._create_topics(functions), *started, *beside)

    async def _existing_cluster(self) -> dict[str, str]:
        """Start a cluster that nobody asked GKE for; gives the settings that lead the functions to it."""
        endpoint = await self._backend.up(Cluster(name=EXISTING_CLUSTER))
        for document in yaml.safe_load_all(flux_operator_path().read_text()):
            self._backend.store(EXISTING_CLUSTER).create(document)
        self._stack.push_async_callback(self._backend.down, EXISTING_CLUSTER)
        self._endpoints["kubernetes"] = endpoint.host_port
        file = self.folder / "kubeconfig"
        file.touch(mode=0o600)
        file.write_text(json.dumps(kubeconfig(endpoint, self._metadata.token)))
        self._endpoints["kubeconfig"] = str(file)
        # Its owner has installed the operator.
        return {"OVERSPILL_CLUSTERS": "existing", "OVERSPILL_KUBECONFIG": str(file), "OVERSPILL_OPERATOR_MANIFEST": ""}

    async def _create_topics(self, functions: tuple[function_processes.FunctionProcess, ...]) -> None:
        provision, teardown = functions
        torn_down_by = (names.TOPIC_TEARDOWNS, names.TOPIC_LEASES, names.TOPIC_SWEEPS)
        provision_url, teardown_url = [await self._limited(function) for function in (provision, teardown)]
        urls = {names.TOPIC_REQUESTS: provision_url, **dict.fromkeys(torn_down_by, teardown_url)}
        await asyncio.to_thread(topics.create_topics, PROJECT, urls, self.options.redelivery, self._endpoints["pubsub"])
        if self.is_official_pubsub:
            tap = MessageTap(PROJECT, self._endpoints["pubsub"], asyncio.get_running_loop(), self._note_message)
            await asyncio.to_thread(tap.start)
            self._stack.push_async_callback(asyncio.to_thread, tap.stop)

    async def _limited(self, function: function_processes.FunctionProcess) -> str:
        """Give where a function takes deliveries; a limit of instances stands before it, if there is one."""
        if self.options.max_instances is None:
            return function.url
        limit = InstanceLimit(
            function.url,
            self.options.max_instances,
            on_surplus=lambda: self._note("delivery.surplus", function=function.name),
        )
        self._stack.push_async_callback(limit.stop)
        return await limit.start(HOST)

    async def _start_function(self, function: function_processes.FunctionProcess, environ: Mapping[str, str]) -> None:
        await self.supervisor.start(
            f"function-{function.name}",
            function.argv(),
            env=function.environ(environ),
            on_line=lambda line: self._note_log(f"function-{function.name}", line),
            ready=readiness.http_answers(HOST, function.port),
            restart=Restart(),
        )
        self._endpoints[function.name] = function.url
        self._note("function.started", function=function.name)

    def _note_log(self, source: str, line: str) -> None:
        """Tell the timeline what one of our processes logs; other output stays in its log file."""
        fields = parse_log_line(line)
        if fields is not None:
            self._note("log", source=source, **{key: value for key, value in fields.items() if key != "source"})

    def _note_message(self, topic: str, attributes: Mapping[str, str]) -> None:
        self._note("message.published", topic=topic, **attributes)

    def _note(self, name: str, **facts: Any) -> None:
        self.timeline.add(name, **facts)
