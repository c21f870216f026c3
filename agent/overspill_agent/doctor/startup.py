"""What the agent says of its instance when it starts: warnings and errors, in its log. The checks stand elsewhere."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from overspill_agent.doctor.diagnosis import startup_findings
from overspill_agent.doctor.finding import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from overspill_agent.deciding.slots import Slot
    from overspill_agent.ports import InstanceFacts
    from overspill_shared.templates import Template

log = logging.getLogger(__name__)

_LEVELS: Final = {Severity.WARNING: logging.WARNING, Severity.ERROR: logging.ERROR}


def log_findings(
    facts: InstanceFacts,
    slots: Sequence[Slot],
    templates: Mapping[str, Template],
    *,
    burst_property: str,
    shrinks: bool,
) -> None:
    """Log what the facts alone show to be wrong, a line for each finding."""
    for finding in startup_findings(facts, slots, templates, burst_property=burst_property, shrinks=shrinks):
        facts_told = asdict(finding)
        # A line has its own severity, in the log's words.
        level = _LEVELS[facts_told.pop("severity")]
        log.log(level, "doctor.finding", extra=facts_told)
