"""Whether the lead's address answers, tried in the background: a remark, never a reason to stop.

A pod often cannot reach its own load balancer, and a firewall may let burst nodes in where it keeps the lead out: only
a broker that joins proves an address.
"""

from __future__ import annotations

import logging
import socket
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from overspill_shared.messages import Lead

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S: Final = 3.0


def why_unreachable(host: str, port: int, *, timeout_s: float = CONNECT_TIMEOUT_S) -> str | None:
    """Connect to a TCP port and hang up at once; gives the reason if that fails, None if it works.

    `timeout_s` is for each address that the name has; resolving the name may take longer.
    """
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
    except (OSError, UnicodeError) as exc:
        return getattr(exc, "strerror", None) or str(exc)
    return None


def start_check(lead: Lead, *, timeout_s: float = CONNECT_TIMEOUT_S) -> threading.Thread:
    """Try the lead's address in a thread, and log a warning if nothing answers there."""

    def check() -> None:
        if (reason := why_unreachable(lead.host, lead.port, timeout_s=timeout_s)) is not None:
            log.warning(
                "lead.unreachable-from-here",
                extra={
                    "lead_host": lead.host,
                    "lead_port": lead.port,
                    "error": reason,
                    "remedy": "If burst nodes do not join, set lead_host and lead_port to what they can reach.",
                },
            )

    thread = threading.Thread(target=check, name="reachability", daemon=True)
    thread.start()
    return thread
