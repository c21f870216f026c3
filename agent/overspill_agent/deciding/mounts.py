"""Whether a job finds its working directory on a burst's nodes, and what it writes there survives them. Pure.

A template names the directories that lead and burst nodes share: its volumes, and its mounts. Where a job's working
directory lies under none of them, Flux runs it in /tmp of the node, and the node's disk goes with the burst.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from overspill_agent.deciding.matching import NodeKind


def working_directory(jobspec: Mapping[str, Any]) -> str | None:
    """Give a job's working directory (RFC 25: attributes.system.cwd); None where it names none."""
    cwd = ((jobspec.get("attributes") or {}).get("system") or {}).get("cwd")
    return cwd if isinstance(cwd, str) and cwd else None


def lacks_mount(cwd: str | None, templates: Iterable[NodeKind]) -> str | None:
    """Give the working directory if none of these templates shares it with the lead; None if all is well.

    >>> lacks_mount("/home/ada", [])
    '/home/ada'
    """
    if cwd is None or any(_is_under(cwd, mount) for template in templates for mount in template.shared_directories):
        return None
    return cwd


def _is_under(path: str, mount: str) -> bool:
    return PurePosixPath(path).is_relative_to(PurePosixPath(mount))
