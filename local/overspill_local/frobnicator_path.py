"""Where the agent's ingest frobnicator lies. Found without importing it: it is Flux that loads it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def frobnicator_path() -> Path:
    """Give the plugin's path, for the lead's broker.toml.

    Raises RuntimeError if the agent's package is not installed beside this one.
    """
    spec = find_spec("overspill_agent")
    if spec is None or spec.origin is None:
        raise RuntimeError("overspill_agent is not installed: install overspill with its extra `local`")
    return Path(spec.origin).with_name("flux_frobnicator.py")
