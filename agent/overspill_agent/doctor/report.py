"""Findings for a person, as JSON and as an exit code. Nothing is judged here."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table
from rich.text import Text

from overspill_agent.doctor.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

EXIT_ERRORS: Final = 1

_SIGNS: Final = {
    Severity.OK: ("✓", "green"),
    Severity.WARNING: ("⚠", "yellow"),
    Severity.ERROR: ("✗", "bold red"),
    Severity.SKIPPED: ("-", "dim"),
}


def as_json(findings: Iterable[Finding]) -> dict[str, Any]:
    """Give the findings for scripts."""
    listed = [asdict(finding) for finding in findings]
    return {"findings": listed, "counts": {level: _count(listed, level) for level in Severity}}


def show(console: Console, findings: Sequence[Finding]) -> None:
    """Print the findings for a person: sign, check, what to do, and the configuration that does it."""
    width = max((len(finding.code) for finding in findings), default=0)
    for finding in findings:
        sign, style = _SIGNS[finding.severity]
        row = Table.grid(padding=(0, 1))
        row.add_column(no_wrap=True)
        row.add_column(no_wrap=True, width=width)
        row.add_column(overflow="fold")
        row.add_row(Text(sign, style), Text(finding.code, style), _details(finding))
        console.print(row)
        for line in finding.config.splitlines():
            # Whole, however narrow the terminal: the lines are for copying.
            console.print(Text(f"      {line}", "cyan"), soft_wrap=True)


def summary(findings: Iterable[Finding]) -> str:
    """Give the line below the findings.

    >>> summary([])
    '0 errors, 0 warnings'
    """
    severities = [finding.severity for finding in findings]
    errors, warnings = severities.count(Severity.ERROR), severities.count(Severity.WARNING)
    return f"{errors} error{'' if errors == 1 else 's'}, {warnings} warning{'' if warnings == 1 else 's'}"


def exit_code(findings: Iterable[Finding]) -> int:
    """Give 1 if there is an error; warnings are 0, so that scripts may go on."""
    return EXIT_ERRORS if any(finding.severity is Severity.ERROR for finding in findings) else 0


def _details(finding: Finding) -> Text:
    return Text(f"{finding.text}\n→ {finding.remedy}" if finding.remedy else finding.text)


def _count(listed: list[dict[str, Any]], severity: Severity) -> int:
    return sum(finding["severity"] is severity for finding in listed)
