"""Flux's ingest frobnicator that sends burstable jobs to the burst queue: loaded by Flux itself, from its path.

Where jobs go to a queue that keeps them at home by default, a job that must burst needs the other queue, and users
should not have to know. With this plugin `flux submit -N4 --setattr=burstable COMMAND` is enough. In broker.toml, in
front of the plugins that apply the defaults (flux-config-ingest(5)):

    [ingest.frobnicator]
    plugins = ["<path of this file>", "defaults", "constraints"]
    args = ["--burst-queue=burst"]        # `burst` is the default

Flux loads one class called `Frobnicator` in its own Python, which knows nothing of Overspill: standard library only.
Jobs that name a queue keep it, and where the instance has no such queue nothing is changed. A job is never refused
here: whatever is strange about a jobspec is the validator's to say.
"""

from __future__ import annotations

from typing import Any

DEFAULT_QUEUE = "burst"


class Frobnicator:
    """Puts jobs with a truthy `attributes.system.burstable` and no queue into the burst queue."""

    def __init__(self, parser: Any) -> None:
        """Add the option; `parser` is an argparse group of flux-job-frobnicator's."""
        self._queue: str | None = None
        parser.add_argument(
            "--burst-queue",
            metavar="NAME",
            default=DEFAULT_QUEUE,
            help=f"queue for jobs with a truthy attribute system.burstable (default: {DEFAULT_QUEUE})",
        )

    def configure(self, args: Any, config: Any) -> None:
        """Take the option, and the queues that the broker's configuration has."""
        queues = config.get("queues") if isinstance(config, dict) else None
        self._queue = args.burst_queue if isinstance(queues, dict) and args.burst_queue in queues else None

    def frob(self, jobspec: Any, *_job: Any) -> None:
        """Change the jobspec in place; user, urgency and flags do not matter."""
        system = _system_attributes(jobspec)
        if self._queue is not None and system.get("burstable") and not system.get("queue"):
            system["queue"] = self._queue


def _system_attributes(jobspec: Any) -> dict[str, Any]:
    """Give `attributes.system` itself, or an empty stand-in where it is missing or of another shape."""
    attributes = getattr(jobspec, "jobspec", {})
    for key in ("attributes", "system"):
        attributes = attributes.get(key) if isinstance(attributes, dict) else None
    return attributes if isinstance(attributes, dict) else {}
