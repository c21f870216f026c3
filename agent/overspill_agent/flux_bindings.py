"""Finding Flux's own Python bindings, without which there is no talking to a broker.

They come as a `flux` package that can be imported already (the wheel `flux-python`, or PYTHONPATH), or with the
installed Flux, whose command says where. No connection is made here: see `flux_connection`.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from overspill_shared.errors import FluxUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND_TIMEOUT_S: Final = 20.0
"""For a `flux` command that only prints what it was built with."""
WHEEL: Final = "flux-python"

_MODULES: Final = ("flux", "flux.constants", "flux.kvs")
_PACKAGES: Final = ("flux", "_flux")


def load(command: str = "flux") -> Any:
    """Import Flux's bindings and give the module `flux`, its submodules `constants` and `kvs` loaded.

    A package that can be imported comes first, unless it is a wheel for another release than the installed Flux;
    if it cannot be loaded (the wheel without libflux-core, for instance) the installed Flux's own is taken.
    `command` is the `flux` to ask for it.

    Raises FluxUnavailable, saying what was tried and what to do, if there are none.
    """
    if "flux" in sys.modules:
        return _import_modules()
    failures: dict[str, str] = {}
    installed = _installed_directories(command)
    for directory in _candidates(installed, command):
        try:
            return _import_from(directory)
        except ImportError as exc:
            failures[str(directory or "the package `flux` that Python finds")] = str(exc)
            _forget_modules()
    raise FluxUnavailable(
        f"Flux's Python bindings cannot be imported ({_describe(failures)}).",
        remedy=_remedy(installed, command),
        code="flux-bindings",
    )


def version() -> str:
    """Give the version of the library that the loaded bindings use."""
    raw = importlib.import_module("flux.core.inner").raw
    return str(raw.flux_core_version_string().decode())


def builtin(name: str) -> str:
    """Give a value that the loaded library was built with: `libexecdir` for instance."""
    return str(importlib.import_module("flux.conf_builtin").conf_builtin_get(name))


def _candidates(installed: tuple[Path, ...], command: str) -> Iterator[Path | None]:
    """Give where to import from, best first; None stands for wherever Python finds it."""
    if installed and _wheel_is_for_another_release(command):
        yield from installed
        yield None
    else:
        yield None
        yield from installed


def _import_from(directory: Path | None) -> Any:
    """Import the bindings, from `directory` if it is not None.

    Raises ImportError.
    """
    if directory is None:
        return _import_modules()
    # In front, for a wheel that could not be loaded would be found first; and only for now, because the packages
    # find their own submodules, and nothing else is wanted from there.
    sys.path.insert(0, str(directory))
    try:
        return _import_modules()
    finally:
        sys.path.remove(str(directory))


def _import_modules() -> Any:
    modules = [importlib.import_module(name) for name in _MODULES]
    if not hasattr(modules[0], "Flux"):
        raise ImportError(f"{modules[0].__file__} is not Flux's package")
    return modules[0]


def _forget_modules() -> None:
    """Drop what a failed import left, so that the next one starts afresh."""
    for name in list(sys.modules):
        if name.partition(".")[0] in _PACKAGES:
            del sys.modules[name]


def _installed_directories(command: str) -> tuple[Path, ...]:
    """Give the directories where the installed Flux keeps its bindings; none if it is not installed."""
    found = _output([command, "config", "builtin", "python_path"])
    return tuple(Path(entry) for entry in found.split(":") if entry)


def _wheel_is_for_another_release(command: str) -> bool:
    try:
        wheel = metadata.version(WHEEL)
    except metadata.PackageNotFoundError:
        return False
    installed = _command_version(command)
    return bool(installed) and release(wheel) != release(installed)


def release(full_version: str) -> tuple[str, ...]:
    """Give MAJOR and MINOR of a version: brokers and bindings that differ in these do not fit.

    >>> release("0.88.0-59-g1234")
    ('0', '88')
    """
    return tuple(re.split(r"[.-]", full_version)[:2])


def _command_version(command: str) -> str:
    match = re.search(r"^libflux-core:\s*(\S+)", _output([command, "version"]), re.MULTILINE)
    return match[1] if match else ""


def _output(argv: list[str]) -> str:
    """Give what a command prints; nothing if it cannot be run."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _describe(failures: dict[str, str]) -> str:
    return "; ".join(f"{place}: {reason}" for place, reason in failures.items())


def _remedy(installed: tuple[Path, ...], command: str) -> str:
    wanted = _command_version(command) or "<the broker's version>"
    wheel = (
        f"Install the wheel {WHEEL}=={wanted} and set LD_LIBRARY_PATH to the directory of libflux-core.so.2, "
        "or set PYTHONPATH to the one that `flux env` prints."
    )
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    theirs = {match[1] for directory in installed if (match := re.search(r"python(\d+\.\d+)$", str(directory)))}
    if theirs and ours not in theirs:
        return f"{wheel} The installed Flux's bindings are for Python {', '.join(sorted(theirs))}; this is {ours}."
    return wheel
