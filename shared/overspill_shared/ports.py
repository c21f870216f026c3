"""What agent and functions need of the world, as Protocols; adapters implement them, the embedded cloud serves them.

No SDK type crosses a port: values are ours, errors are those of `errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from overspill_shared.messages import Message


class Clock(Protocol):
    """Time, so that nothing else asks for it."""

    def now(self) -> float:
        """Give epoch seconds."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Publisher(Protocol):
    """Where messages are sent."""

    def publish(self, message: Message) -> str:
        """Send a message and wait until the service has it; gives the service's message id.

        Raises Unavailable if it did not take it in time, PermissionDenied, NotFound (no such topic) or
        MalformedMessage (too large).
        """
        ...

    def dead_letter(self, topic: str, body: bytes, attributes: dict[str, str], *, reason: str) -> None:
        """Put a message that nobody can read where a person finds it, with the reason as an attribute.

        Raises as `publish` does.
        """
        ...
