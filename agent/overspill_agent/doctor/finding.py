"""What a check says. No check stands here, and nothing is shown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from overspill_shared.errors import OverspillError


class Severity(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """Bursts work, but not as well, or not as cheaply, as they could."""
    ERROR = "error"
    """Bursts do not work, or jobs fail."""
    SKIPPED = "skipped"
    """It could not be looked at; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The outcome of one check."""

    code: str
    """What was checked; stable, for scripts."""
    severity: Severity
    text: str
    remedy: str = ""
    """What a person does about it; empty where there is nothing to do."""
    config: str = ""
    """The lines of broker.toml, complete with their tables, that mend it; empty where no configuration does."""

    @classmethod
    def ok(cls, code: str, text: str) -> Self:
        """Give a finding that all is well."""
        return cls(code=code, severity=Severity.OK, text=text)

    @classmethod
    def skipped(cls, code: str, why: str) -> Self:
        """Give a finding that nothing was looked at."""
        return cls(code=code, severity=Severity.SKIPPED, text=why)

    @classmethod
    def warning(cls, code: str, text: str, *, remedy: str, config: str = "") -> Self:
        """Give a finding that something could be better."""
        return cls(code=code, severity=Severity.WARNING, text=text, remedy=remedy, config=config)

    @classmethod
    def error(cls, code: str, text: str, *, remedy: str, config: str = "") -> Self:
        """Give a finding that something is broken."""
        return cls(code=code, severity=Severity.ERROR, text=text, remedy=remedy, config=config)

    @classmethod
    def of_error(cls, code: str, error: OverspillError, *, config: str = "") -> Self:
        """Give one of our errors as a finding: the agent would stop at it."""
        return cls.error(code, error.text, remedy=error.remedy, config=config)
