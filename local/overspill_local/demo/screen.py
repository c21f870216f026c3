"""Showing a demo: a live timeline for a terminal, plain lines for a file, JSON lines for scripts. Decides nothing."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.table import Table
from rich.text import Text

from overspill_local.demo.narration import narrate

if TYPE_CHECKING:
    from rich.status import Status

    from overspill_local.demo.outcome import Outcome
    from overspill_local.timeline import Event

_COLOURS = {
    "agent": "cyan",
    "agent → Pub/Sub": "magenta",
    "function → Pub/Sub": "magenta",
    "GKE": "blue",
    "Kubernetes": "blue",
    "functions": "blue",
    "Flux": "green",
    "user": "bold",
    "demo": "dim",
}


class Screen(Protocol):
    """Where a demo is shown."""

    def begin(self, outcome: Outcome) -> None:
        """Say what is about to be shown, first of all which Flux it is."""
        ...

    def show(self, event: Event) -> None:
        """Show an event."""
        ...

    def end(self, outcome: Outcome, t: float) -> None:
        """Show what it came to."""
        ...


class JsonScreen:
    """One JSON object a line."""

    def begin(self, outcome: Outcome) -> None:
        """Say which Flux it is."""
        facts = {"flux": outcome.flux, "scheduler": outcome.scheduler, "pubsub": outcome.pubsub}
        self._write({"t": 0.0, "event": "demo.started", **facts})

    def show(self, event: Event) -> None:
        """Write an event."""
        self._write(event.as_json())

    def end(self, outcome: Outcome, t: float) -> None:
        """Write the last line."""
        self._write({"t": round(t, 3), "event": "demo.finished", **outcome.as_json()})

    def _write(self, content: dict[str, object]) -> None:
        sys.stdout.write(json.dumps(content, ensure_ascii=False, default=str) + "\n")
        sys.stdout.flush()


class PlainScreen:
    """Lines for people; on a terminal with colours and a status at the bottom."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._status: Status | None = None

    def begin(self, outcome: Outcome) -> None:
        """Say which Flux it is, first of all."""
        flux = "real Flux" if outcome.flux == "real" else "the stand-in for Flux (no Flux on PATH, or not wanted)"
        scheduler = f", scheduler {outcome.scheduler}" if outcome.flux == "real" else ""
        self._console.print(f"Overspill demo with {flux}{scheduler}; Pub/Sub: {outcome.pubsub}", style="bold")
        if self._console.is_terminal:
            self._status = self._console.status("starting")
            self._status.start()

    def show(self, event: Event) -> None:
        """Print an event in words."""
        if event.name == "resources":
            self._show_resources(event)
            return
        if event.name == "demo.waiting" and self._status is not None:
            self._status.update(str(event.facts["text"]))
            return
        line = narrate(event)
        if line is not None:
            who, what = line
            text = Text(f"{event.t:8.3f}s  ").append(f"{who:<19}", _COLOURS.get(who, "default")).append(what)
            self._console.print(text)

    def end(self, outcome: Outcome, t: float) -> None:
        """Print what it came to."""
        if self._status is not None:
            self._status.stop()
        if outcome.job.output:
            self._console.print("\nThe job's output:", style="bold")
            for line in outcome.job.output:
                self._console.print(Text(f"    {line}"))
        if outcome.job.id is not None:
            self._console.print(_summary(outcome, t))
        if outcome.error is not None:
            self._console.print(Text(f"not ok: {outcome.error.text}", style="bold red"))
            if outcome.error.remedy:
                self._console.print(Text(f"  what to do: {outcome.error.remedy}"))
        else:
            self._console.print("ok", style="bold green")

    def _show_resources(self, event: Event) -> None:
        title = (
            Text(f"{event.t:8.3f}s  ")
            .append(f"{'Flux':<19}", "green")
            .append(f"flux resource list, {event.facts['when']}:")
        )
        self._console.print(title)
        for line in str(event.facts["text"]).splitlines():
            self._console.print(Text(f"{'':12}{line}"))


def _summary(outcome: Outcome, t: float) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, title_justify="left")
    table.add_row("job", f"{outcome.job.id} {outcome.job.state} on {', '.join(outcome.job.nodes) or '-'}")
    table.add_row("burst", f"{outcome.burst_id or '-'}, {_or_dash(outcome.ranks_joined)} ranks joined")
    timings = outcome.timings
    table.add_row(
        "times",
        f"submit → request {_seconds(timings.submit_to_request_s)}"
        f" → ready {_seconds(timings.request_to_ready_s)} → joined {_seconds(timings.ready_to_joined_s)}"
        f" → started {_seconds(timings.joined_to_start_s)}; idle → removed {_seconds(timings.idle_to_removed_s)};"
        f" {t:.1f} s in all",
    )
    left = outcome.leftovers
    table.add_row(
        "left",
        f"{_or_dash(left.clusters)} clusters, {_or_dash(left.processes)} processes,"
        f" {_or_dash(left.drained_ranks)} drained ranks",
    )
    return table


def _seconds(value: float | None) -> str:
    """Give a time between two moments; who noticed the second one first shows no time that went backwards."""
    return "-" if value is None else f"{max(0.0, value):.2f} s"


def _or_dash(value: int | None) -> str:
    return "-" if value is None else str(value)
