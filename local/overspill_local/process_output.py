"""What supervised processes write: into a log file as it is, and to a listener line by line.

Here live the splitting into lines, the pump and the reading of a log's end. Nothing here knows what a line means.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

log = logging.getLogger(__name__)

CHUNK_BYTES: Final = 65536
MAX_LINE_BYTES: Final = 65536
"""A longer line reaches the listener in pieces; a process cannot make its supervisor keep more than this."""
TAIL_BYTES: Final = 8192


class LineSplitter:
    """Turns chunks of bytes, cut anywhere, into lines of text without their ends."""

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_line_bytes = max_line_bytes
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[str]:
        """Give the lines that the chunk completes."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            yield from self._pieces(line)
        while len(self._rest) > self._max_line_bytes:
            piece, self._rest = self._rest[: self._max_line_bytes], self._rest[self._max_line_bytes :]
            yield _text(piece)

    def flush(self) -> Iterator[str]:
        """Give what remains when there will be no more chunks."""
        rest, self._rest = self._rest, b""
        if rest:
            yield from self._pieces(rest)

    def _pieces(self, line: bytes) -> Iterator[str]:
        size = self._max_line_bytes
        for start in range(0, max(len(line), 1), size):
            yield _text(line[start : start + size])


async def pump(descriptor: int, log_path: Path, on_line: Callable[[str], None] | None) -> None:
    """Copy a pipe into a log file and to a listener until nobody writes any more; closes the pipe."""
    reader = asyncio.StreamReader()
    pipe = os.fdopen(descriptor, "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    splitter = LineSplitter()
    try:
        with log_path.open("ab", buffering=0) as file:
            while chunk := await reader.read(CHUNK_BYTES):
                file.write(chunk)
                _tell(on_line, splitter.feed(chunk))
    finally:
        _tell(on_line, splitter.flush())
        transport.close()


def tail(log_path: Path, lines: int = 20) -> str:
    """Give the last lines of a log file; nothing where there is none."""
    try:
        with log_path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            content = file.read()
    except FileNotFoundError:
        return ""
    return "\n".join(content.decode(errors="replace").splitlines()[-lines:])


def _tell(on_line: Callable[[str], None] | None, lines: Iterator[str]) -> None:
    for line in lines:
        if on_line is None:
            continue
        try:
            on_line(line)
        except Exception:
            # The edge of the listener: were the pump to stop, the process would hang on a full pipe.
            log.exception("process.listener-failed")


def _text(line: bytes) -> str:
    return line.decode(errors="replace").removesuffix("\r")
