"""One pod as a folder and a script: the operator's worker entrypoint, its paths mapped into the folder.

Pure: values in, file contents and argv out. Variables that `commands.pre` may use are those of the operator's own
script (flux-operator pkg/flux/templates/wait.sh): mainHost, configroot, cfg, curvepath, fluxuid.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FLUX_MOUNT = "/mnt/flux"
CONFIG_ROOT = f"{FLUX_MOUNT}/config"
CONFIG_DIRECTORY = f"{CONFIG_ROOT}/etc/flux/config"
CURVE_CERT = f"{CONFIG_ROOT}/curve/curve.cert"
DECOY_CERT = "# made by the operator; replaced by commands.pre\n"


class BrokerCommand(Protocol):
    """How a pod's broker is started: real Flux's, or the stand-in's."""

    def __call__(self, *, hostname: str, config_directory: Path, run_directory: Path) -> list[str]:
        """Give the argv of the broker with this host name."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A Secret that a container wants to see at a path."""

    secret_name: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPlan:
    """What is needed to run one pod of a MiniCluster."""

    hostname: str
    folder: Path
    broker_config: str
    pre: str
    mounts: tuple[Mount, ...]
    retry_s: float
    """The operator's worker loop starts a broker that failed again after 15 s."""

    @property
    def run_directory(self) -> Path:
        """Where the broker keeps its sockets."""
        return self.folder / "run"

    def inside(self, path: str) -> Path:
        """Give where a path of the pod lies on this machine."""
        return self.folder / path.lstrip("/")

    def mapped(self, text: str) -> str:
        """Give a text with the paths of the pod's mounts mapped into its folder."""
        for path in sorted({FLUX_MOUNT, *(mount.path for mount in self.mounts)}, key=len, reverse=True):
            text = text.replace(path, str(self.inside(path)))
        return text

    def files(self) -> Mapping[Path, str]:
        """Give the files that the operator puts into each pod before its container starts."""
        return {
            self.inside(f"{CONFIG_DIRECTORY}/broker.toml"): self.broker_config,
            self.inside(CURVE_CERT): DECOY_CERT,
        }

    def script(self, broker: BrokerCommand) -> str:
        """Give the container's entrypoint."""
        argv = broker(
            hostname=self.hostname,
            config_directory=self.inside(CONFIG_DIRECTORY),
            run_directory=self.run_directory,
        )
        return _SCRIPT.format(
            hostname=shlex.quote(self.hostname),
            main_host=shlex.quote(self.hostname.rpartition("-")[0] + "-0"),
            config_root=shlex.quote(str(self.inside(CONFIG_ROOT))),
            config=shlex.quote(str(self.inside(CONFIG_DIRECTORY))),
            curve=shlex.quote(str(self.inside(CURVE_CERT))),
            pre=self.mapped(self.pre),
            flux_mount=FLUX_MOUNT,
            flux_folder=self.inside(FLUX_MOUNT),
            broker=shlex.join(argv),
            retry_s=self.retry_s,
        )


_SCRIPT = """\
#!/bin/bash
set -u
hostname={hostname}
mainHost={main_host}
fluxuid=$(id -u)
configroot={config_root}
cfg={config}
curvepath={curve}
{pre}
# A pod has these paths at its root; here they lie in its folder.
sed -i 's#{flux_mount}#{flux_folder}#g' "$cfg/broker.toml"
run_broker() {{ {broker} & broker_pid=$!; wait "$broker_pid"; code=$?; }}
trap 'kill -TERM "${{broker_pid:-}}" 2>/dev/null; wait "${{broker_pid:-}}"; exit 143' TERM
if [ "$hostname" = "$mainHost" ]; then
  run_broker
  exit 0
fi
while true; do
  run_broker
  if [ "$code" -eq 0 ]; then
    echo "The follower worker exited cleanly. Goodbye!"
    exit 0
  fi
  echo "Return value for follower worker is $code"
  sleep {retry_s} & wait $!
done
"""


def plan_pod(minicluster: Mapping[str, Any], index: int, *, folder: Path, retry_s: float) -> PodPlan:
    """Read what a MiniCluster (v1alpha2) wants of its pod number `index`."""
    spec = minicluster["spec"]
    container = spec["containers"][0]
    volumes: Mapping[str, Mapping[str, Any]] = container.get("volumes") or {}
    return PodPlan(
        hostname=f"{minicluster['metadata']['name']}-{index}",
        folder=folder,
        broker_config=(spec.get("flux") or {}).get("brokerConfig", ""),
        pre=(container.get("commands") or {}).get("pre", ""),
        mounts=tuple(
            Mount(secret_name=volume["secretName"], path=volume["path"])
            for volume in volumes.values()
            if volume.get("secretName")
        ),
        retry_s=retry_s,
    )


def pod_manifest(minicluster: Mapping[str, Any], index: int) -> dict[str, Any]:
    """Give the Pod object, labelled as the operator and its Job label theirs."""
    metadata = minicluster["metadata"]
    name = metadata["name"]
    labels = (minicluster["spec"].get("pod") or {}).get("labels") or {}
    container = minicluster["spec"]["containers"][0]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{name}-{index}",
            "namespace": metadata["namespace"],
            "labels": {**labels, "job-name": name, "app.kubernetes.io/name": name, "job-index": str(index)},
            "ownerReferences": [
                {
                    "apiVersion": minicluster["apiVersion"],
                    "kind": minicluster["kind"],
                    "name": name,
                    "uid": metadata["uid"],
                    "controller": True,
                }
            ],
        },
        "spec": {
            "hostname": f"{name}-{index}",
            "containers": [{"name": container.get("name") or name, "image": container["image"]}],
        },
    }


def event_manifest(pod: Mapping[str, Any], reason: str, message: str) -> dict[str, Any]:
    """Give an Event about a pod, as the kubelet writes it; the time is the server's."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{name}.", "namespace": namespace},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": name},
        "type": "Normal" if reason == "Pulling" else "Warning",
        "reason": reason,
        "message": message,
        "source": {"component": "kubelet"},
    }
