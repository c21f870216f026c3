"""The environment that processes of an embedded cloud inherit: the caller's, without what would lead them elsewhere."""

from __future__ import annotations

import os
from typing import Final

_NOT_HANDED_ON: Final = frozenset(
    {"PUBSUB_EMULATOR_HOST", "GKE_EMULATOR_HOST", "GOOGLE_CLOUD_PROJECT", "FLUX_URI", "PYTHONPATH", "PYTHONHOME"}
)
"""Variables of the caller's own environment that would lead a process of ours elsewhere."""


def own_environ(host: str) -> dict[str, str]:
    """Give our own environment without what would lead a process of a cloud on `host` elsewhere."""
    environ = {
        key: value
        for key, value in os.environ.items()
        if key not in _NOT_HANDED_ON and not key.startswith(("OVERSPILL_", "GCE_METADATA"))
    }
    # A user's proxy must not be asked for servers on this machine.
    local = f"{host},localhost"
    return {**environ, **{name: _joined(environ.get(name), local) for name in ("NO_PROXY", "no_proxy")}}


def _joined(before: str | None, more: str) -> str:
    return f"{before},{more}" if before else more
