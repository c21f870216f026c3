"""Writes each deployable's requirements.txt from the lock: the same versions and hashes, each only what it needs.

`--lock` makes the lock itself anew (needs uv); `--check` writes nothing and fails if a file is stale. The lock has no
addresses, so it works with any index.
"""

# ruff: noqa: INP001 - a script, no package
from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements" / "dev.txt"
TARGETS = {
    "agent": ROOT / "agent" / "deploy" / "requirements.txt",
    "provision": ROOT / "functions" / "provision" / "requirements.txt",
    "teardown": ROOT / "functions" / "teardown" / "requirements.txt",
}
"""Where the requirements of an extra go."""
PYTHON = {"python_version": "3.11", "python_full_version": "3.11.0"}
HEADER = "# Written by requirements/export.py from requirements/dev.txt: do not edit.\n"


def main(arguments: list[str]) -> int:
    """Write, check or lock; gives the exit code."""
    if "--lock" in arguments:
        _lock()
    stale = []
    for extra, file in TARGETS.items():
        text = HEADER + _requirements(extra)
        if "--check" not in arguments:
            file.write_text(text)
        elif not file.exists() or file.read_text() != text:
            stale.append(str(file.relative_to(ROOT)))
    for name in stale:
        sys.stderr.write(f"{name} is stale: run python requirements/export.py\n")
    return 1 if stale else 0


def _lock() -> None:
    """Resolve the `dev` extra, which holds every other, for all Pythons and platforms that are supported."""
    argv = [
        *("uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"),
        *("--no-annotate", "--no-header", "--no-emit-index-url", "--extra", "dev"),
        *("pyproject.toml", "-o", str(LOCK)),
    ]
    subprocess.run(argv, cwd=ROOT, check=True)


def _requirements(extra: str) -> str:
    """Give the locked entries of everything that the core and one extra need, directly or not."""
    locked = _entries()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    roots = [Requirement(text) for text in (*project["dependencies"], *project["optional-dependencies"][extra])]
    wanted: set[str] = set()
    queue = [(canonicalize_name(root.name), frozenset(root.extras)) for root in roots]
    seen: set[tuple[NormalizedName, frozenset[str]]] = set()
    while queue:
        name, extras = queue.pop()
        if (name, extras) in seen or name not in locked:
            continue
        seen.add((name, extras))
        wanted.add(name)
        queue += _needs(name, extras)
    return "".join(locked[name] for name in sorted(wanted))


def _entries() -> dict[str, str]:
    """Give the lock's entries, hashes included, by canonical name."""
    entries: dict[str, str] = {}
    for entry in re.split(r"\n(?=[A-Za-z0-9])", LOCK.read_text()):
        match = re.match(r"[A-Za-z0-9._-]+", entry)
        if match:
            entries[canonicalize_name(match[0])] = entry.rstrip("\n") + "\n"
    return entries


def _needs(name: NormalizedName, extras: frozenset[str]) -> list[tuple[NormalizedName, frozenset[str]]]:
    """Give what an installed distribution requires on any supported platform."""
    from importlib.metadata import PackageNotFoundError, requires  # noqa: PLC0415 - one user

    try:
        texts = requires(name) or []
    except PackageNotFoundError:  # locked for another platform only
        return []
    found = []
    for text in texts:
        requirement = Requirement(text)
        # One fixed Python, so that the files do not depend on whose machine wrote them.
        contexts = [{**PYTHON, "extra": extra} for extra in extras or {""}]
        if requirement.marker is None or any(requirement.marker.evaluate(context) for context in contexts):
            found.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
