"""The step that both functions' plans have: what a message asks for must not be done.

A value; who gives it to the agent, as `rejected`, is `delivery`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from overspill_shared.errors import RequestRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """The request must not be fulfilled; what exists stays as it is."""

    error: RequestRefused

    @property
    def reason(self) -> str:
        """Say why."""
        return str(self.error)
