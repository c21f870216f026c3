"""The two functions as functions-framework runs them: their commands and their environment. Starts nothing itself."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import overspill_provision
import overspill_teardown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

THREADS: Final = "16"
"""Deliveries that one process works on at once; a call may last as long as a cluster takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionProcess:
    """One function: its name, the source that functions-framework loads, and its port."""

    name: str
    source: Path
    port: int

    @property
    def url(self) -> str:
        """Where it takes deliveries."""
        return f"http://127.0.0.1:{self.port}"

    def argv(self) -> list[str]:
        """Give the command that serves it."""
        beside_python = Path(sys.executable).with_name("functions-framework")
        program = str(beside_python) if beside_python.exists() else (shutil.which("functions-framework") or "")
        return [
            program or "functions-framework",
            *("--source", str(self.source)),
            *("--target", self.name),
            *("--signature-type", "cloudevent"),
            *("--host", "127.0.0.1", "--port", str(self.port)),
        ]

    def environ(self, shared: Mapping[str, str]) -> dict[str, str]:
        """Give its environment."""
        return {**shared, "THREADS": THREADS, "WORKERS": "1", "PYTHONUNBUFFERED": "1"}


def provision(port: int) -> FunctionProcess:
    """Give the provision function."""
    return FunctionProcess(name="provision", source=_source(overspill_provision), port=port)


def teardown(port: int) -> FunctionProcess:
    """Give the teardown function."""
    return FunctionProcess(name="teardown", source=_source(overspill_teardown), port=port)


def _source(package: ModuleType) -> Path:
    """Give main.py as it is deployed; where only the package is installed, the entry point that it re-exports."""
    folder = Path(str(package.__file__)).parent
    main = folder.parent / "main.py"
    return main if main.exists() else folder / "entrypoint.py"
