"""Why ranks that tried to join were refused, in the lead broker's own words.

Two sources: the overlay's health (flux-overlay(1): a version that does not match) and the lead's log (flux-dmesg(1): a
host list or topology that does not match). A wrong certificate, port or address leaves no trace in either. What follows
from a reason is not said here.
"""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING, Any, Final

from overspill_agent.flux_connection import ANSWER_TIMEOUT_S, translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from overspill_agent.flux_connection import FluxConnection

MAX_LINES: Final = 10_000
"""The broker's log is a ring (log.ring-size, 1024 by default)."""

_LEFT: Final = "administrative shutdown"
"""What health says of a rank that left as it should: no reason for a later one not to join."""
_REJECTED: Final = re.compile(r"rejecting connection from (?P<host>\S+) \(rank (?P<rank>\d+)\): (?P<reason>.*)")


def join_errors(connection: FluxConnection) -> dict[int, str]:
    """Give the latest reason by rank."""
    return {**refusals_in_log(_log_lines(connection)), **errors_in_health(connection.call("overlay.health"))}


def errors_in_health(health: Mapping[str, Any]) -> dict[int, str]:
    """Give the errors in an overlay's health, by rank."""
    error = health.get("error")
    found = {int(health["rank"]): str(error)} if error and error != _LEFT else {}
    for child in health.get("children", ()):
        found.update(errors_in_health(child))
    return found


def refusals_in_log(lines: Iterable[str]) -> dict[int, str]:
    """Give the refusals in a broker's log, by the rank that tried; the latest of each."""
    matches = (_REJECTED.search(line) for line in lines)
    return {int(match["rank"]): match["reason"].strip() for match in matches if match}


def _log_lines(connection: FluxConnection) -> Iterator[str]:
    handle = connection.handle
    with translated("log.dmesg"):
        future = handle.rpc(
            "log.dmesg",
            {"follow": False, "nobacklog": False},
            nodeid=0,
            flags=connection.flux.constants.FLUX_RPC_STREAMING,
        )
        for _ in range(MAX_LINES):
            try:
                with handle.in_reactor():
                    line = future.wait_for(ANSWER_TIMEOUT_S).get_str()
            except OSError as exc:
                if exc.errno == errno.ENODATA:
                    return
                raise
            yield line or ""
            future.reset()
