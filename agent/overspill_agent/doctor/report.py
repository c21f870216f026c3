"""Findings as a table, as JSON and as an exit code. Nothing is judged here."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from overspill_agent.doctor.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def as_table(findings: Iterable[Finding]) -> Table:
    """Give the findings for a person: sign, check, and what to do with the configuration that does it."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        sign, style = _SIGNS[finding.severity]
        table.add_row(Text(sign, style), Text(finding.code, style), _details(finding))
    return table


def summary(findings: Iterable[Finding]) -> str:
    """Give the line below the table.

    >>> summary([])
    '0 errors, 0 warnings'
    """
    severities = [finding.severity for finding in findings]
    errors, warnings = severities.count(Severity.ERROR), severities.count(Severity.WARNING)
    return f"{errors} error{'' if errors == 1 else 's'}, {warnings} warning{'' if warnings == 1 else 's'}"


def exit_code(findings: Iterable[Finding]) -> int:
    """Give 1 if there is an error; warnings are 0, so that scripts may go on."""
    return EXIT_ERRORS if any(finding.severity is Severity.ERROR for finding in findings) else 0


def _details(finding: Finding) -> Group:
    lines = [Text(finding.text)]
    if finding.remedy:
        lines.append(Text(f"→ {finding.remedy}"))
    # Nothing but the lines themselves: they are for copying.
    lines += [Text(f"    {line}", "cyan") for line in finding.config.splitlines()]
    return Group(*lines)


def _count(listed: list[dict[str, Any]], severity: Severity) -> int:
    return sum(finding["severity"] is severity for finding in listed)
