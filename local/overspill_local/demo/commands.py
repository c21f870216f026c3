"""Running a command to its end, with a deadline; what it printed, or a clear error. Knows nothing of Flux."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from overspill_shared.errors import OverspillError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class CommandFailed(OverspillError):
    """A command ended with another code than 0, or did not end in time."""

    default_code = "command"


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command left."""

    code: int
    stdout: str
    stderr: str


async def run(argv: Sequence[str], *, env: Mapping[str, str], timeout_s: float) -> Finished:
    """Run a command to its end.

    Raises CommandFailed if it is not there, or not done in time: then it is killed.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as exc:
        raise CommandFailed(f"{argv[0]}: {exc.strerror}.", remedy="Is it installed?") from None
    try:
        async with asyncio.timeout(timeout_s):
            stdout, stderr = await process.communicate()
    except TimeoutError:
        raise CommandFailed(
            f"{' '.join(argv)} was not done within {timeout_s:g} s.", remedy="Look at the timeline above."
        ) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Finished(process.returncode or 0, stdout.decode(errors="replace"), stderr.decode(errors="replace"))


async def output_of(argv: Sequence[str], *, env: Mapping[str, str], timeout_s: float) -> str:
    """Run a command that must succeed; gives what it printed.

    Raises CommandFailed with what it wrote to standard error otherwise.
    """
    finished = await run(argv, env=env, timeout_s=timeout_s)
    if finished.code != 0:
        raise CommandFailed(f"{' '.join(argv)} ended with {finished.code}: {finished.stderr.strip()[-500:]}.")
    return finished.stdout
