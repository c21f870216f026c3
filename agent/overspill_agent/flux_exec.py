"""Commands that other ranks' brokers run for the lead, in band (RFC 42): to leave, and to read a small file.

What they are for is not said here. Each needs no more of a node than the Flux that its broker is of.
"""

from __future__ import annotations

import errno
import shlex
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from overspill_agent.flux_reactor import FluxReactor

TOPIC: Final = "rexec.exec"
READ_TIMEOUT_S: Final = 10.0
MAX_BYTES: Final = 65_536
"""A file that is read is small; more of it is not taken."""

# A broker that is told twice ends with an error, and its pod's loop would start it again: the directory is a lock.
_LEAVE: Final = (
    'mkdir "$(flux getattr rundir)/leaving-$(flux getattr broker.starttime)" && kill -TERM "$(flux getattr broker.pid)"'
)
_WITH_STDOUT: Final = 1


def leave(reactor: FluxReactor, rank: int, *, path: str) -> None:
    """Have a rank's broker end itself, by a process that outlives this connection; saying it again changes nothing.

    Raises FluxUnavailable if the lead's broker is gone.
    """
    reactor.send(TOPIC, {"cmd": _command(_LEAVE, path), "flags": 0}, rank=rank)


def read_beside_config(
    reactor: FluxReactor, rank: int, name: str, *, path: str, on_answer: Callable[[str | None], None]
) -> None:
    """Have the file `name` beside a rank's broker.toml read; `on_answer` gets its text once, None without one in time.

    Raises FluxUnavailable if the lead's broker is gone.
    """
    is_answered = False

    def answer(text: str | None) -> None:
        nonlocal is_answered
        if not is_answered:
            is_answered = True
            timer.cancel()
            on_answer(text)

    def end(answers: list[Mapping[str, Any]], error: OSError) -> None:
        answer(output_of(answers) if error.errno == errno.ENODATA else None)

    timer = reactor.call_later(READ_TIMEOUT_S, lambda: answer(None))
    script = f'head -c {MAX_BYTES} "$(flux getattr config.path)"/{shlex.quote(name)}'
    reactor.collect(TOPIC, {"cmd": _command(script, path), "flags": _WITH_STDOUT}, rank=rank, on_end=end)


def output_of(answers: Iterable[Mapping[str, Any]]) -> str | None:
    """Give what a command wrote, from the answers to its start; None if it failed."""
    answers = tuple(answers)
    finished = next((one for one in answers if one["type"] == "finished"), None)
    if finished is None or finished["status"] != 0:
        return None
    return "".join(one["io"].get("data") or "" for one in answers if one["type"] == "output")


def _command(script: str, path: str) -> dict[str, Any]:
    return {"cmdline": ["sh", "-c", script], "cwd": "/", "env": {"PATH": path}, "opts": {}, "channels": []}
