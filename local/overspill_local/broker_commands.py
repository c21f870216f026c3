"""How pods run their brokers: real Flux where it is installed, else the stand-in. Argv only; nothing is started."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from overspill_local import pod_hostname
from overspill_local.standin_brokers import broker_argv
from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from overspill_local.flux_operator import BrokerCommand

FluxKind = Literal["real", "stand-in"]


def choose_flux(wanted: str, path: str | None) -> FluxKind:
    """Give which Flux is used: `real`, `stand-in`, or for `auto` whichever this machine has.

    Raises ConfigError if real Flux is wanted and not on PATH.
    """
    found = shutil.which("flux", path=path)
    if wanted == "real" and found is None:
        raise ConfigError(
            "--flux real: there is no `flux` on PATH.",
            remedy="Install flux-core (and flux-sched), or use --flux stand-in.",
            code="no-flux",
        )
    return "real" if wanted == "real" or (wanted == "auto" and found) else "stand-in"


def broker_command(kind: FluxKind) -> BrokerCommand:
    """Give the command of a pod's broker."""
    return _real if kind == "real" else _stand_in


def _real(*, hostname: str, config_directory: Path, run_directory: Path) -> list[str]:
    argv = [
        "flux",
        "broker",
        f"--config-path={config_directory}",
        f"-Shostname={hostname}",
        f"-Srundir={run_directory}",
        "-Slog-stderr-level=6",
        "-Slog-stderr-mode=local",
    ]
    return pod_hostname.wrap(hostname, argv)


def _stand_in(*, hostname: str, config_directory: Path, run_directory: Path) -> list[str]:
    argv = broker_argv(hostname=hostname, config_directory=config_directory, run_directory=run_directory)
    return pod_hostname.wrap(hostname, argv)


def choose_scheduler(wanted: str | None, kind: FluxKind, path: str | None) -> str:
    """Give the scheduler of the lead: the wanted one, else Fluxion where it is installed; the stand-in has none.

    Raises ConfigError if Fluxion is wanted and not installed.
    """
    if kind == "stand-in":
        return "stand-in"
    has_fluxion = _fluxion_is_installed(path)
    if wanted == "fluxion" and not has_fluxion:
        raise ConfigError(
            "--scheduler fluxion: the installed Flux has no module sched-fluxion-resource.",
            remedy="Install flux-sched into the same prefix, or use --scheduler simple.",
            code="no-fluxion",
        )
    return wanted or ("fluxion" if has_fluxion else "simple")


def _fluxion_is_installed(path: str | None) -> bool:
    """Look along Flux's module path, as the broker would; the command line tool prints it."""
    flux = shutil.which("flux", path=path)
    if flux is None:
        return False
    shown = subprocess.run([flux, "env"], capture_output=True, text=True, timeout=20, check=False).stdout
    match = re.search(r'FLUX_MODULE_PATH="?([^"\n]*)', shown)
    folders = match[1].split(":") if match else []
    return any((Path(folder) / "sched-fluxion-resource.so").exists() for folder in folders if folder)
