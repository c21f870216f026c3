"""Events of the timeline in words: who did what. Pure; an event that says nothing to a person gives None."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from overspill_local.timeline import Event

Line = tuple[str, str]
"""(who, what)."""


def narrate(event: Event) -> Line | None:
    """Give an event as (who, what), or None if a person need not see it."""
    if event.name == "log":
        return _narrate_log(event.facts)
    say = _WORDS.get(event.name)
    return say(event.facts) if say else None


def _short(burst_id: Any) -> str:
    return str(burst_id)[:12] if burst_id else "?"


def _message(facts: Mapping[str, Any]) -> Line | None:
    kind = facts.get("kind", "?")
    about = f"burst {_short(facts.get('burst_id'))}"
    match facts.get("topic"):
        case "overspill-requests":
            return "agent → Pub/Sub", f"{kind} ({about})"
        case "overspill-teardowns":
            return "agent → Pub/Sub", f"{kind} ({about})"
        case "overspill-leases":
            return "agent → Pub/Sub", f"{kind} ({about})"
        case "overspill-sweeps":
            return None
        case "overspill-events":
            return "function → Pub/Sub", f"event: {kind} ({about})"
        case topic:
            return "Pub/Sub", f"{topic}: {kind} ({about})"


def _narrate_log(facts: Mapping[str, Any]) -> Line | None:
    message = facts.get("message")
    source = str(facts.get("source", ""))
    if message == "burst.moved":
        return "agent", f"burst is {facts.get('state')}: {facts.get('cause')}"
    if message == "decision" and facts.get("kind") != "hold":
        return "agent", f"decides: {facts.get('kind')}, for {facts.get('reason')}"
    if message == "sweep.expired":
        return "sweep", f"ends cluster {facts.get('cluster')}: {facts.get('reason')}"
    if message == "slot.released":
        return "agent", f"slot {facts.get('slot')} can be used again"
    if message == "agent.started":
        return "agent", f"serves the lead {facts.get('lead')}"
    if facts.get("severity") in ("ERROR", "WARNING"):
        text = " ".join(str(facts.get(key)) for key in ("message", "error", "remedy") if facts.get(key))
        return source, text
    return None


_WORDS: Mapping[str, Callable[[Mapping[str, Any]], Line | None]] = {
    "message.published": _message,
    "function.started": lambda facts: ("functions", f"{facts['function']} listens"),
    "cluster.provisioning": lambda facts: ("GKE", f"creates cluster {facts['cluster']}"),
    "cluster.running": lambda facts: ("GKE", f"cluster {facts['cluster']} runs"),
    "cluster.stopping": lambda facts: ("GKE", f"deletes cluster {facts['cluster']}"),
    "cluster.deleted": lambda facts: ("GKE", f"cluster {facts['cluster']} is gone"),
    "cluster.error": lambda facts: ("GKE", f"cluster {facts['cluster']} failed: {facts['detail']}"),
    "pod.running": lambda facts: ("Kubernetes", f"pod {facts['pod']} runs"),
    "pod.succeeded": lambda facts: ("Kubernetes", f"pod {facts['pod']} has ended"),
    "pod.failed": lambda facts: ("Kubernetes", f"pod {facts['pod']} failed"),
    "lead.up": lambda facts: ("Flux", f"lead is up: {facts['online']} of {facts['declared']} declared ranks online"),
    "job.submitted": lambda facts: ("user", f"$ {facts['command']}  →  {facts['id']}"),
    "job.finished": lambda facts: ("Flux", f"{facts['what']} {facts['id']} {facts['state']} on {facts['nodes']}"),
    "demo.waiting": lambda facts: ("demo", str(facts["text"])),
}
