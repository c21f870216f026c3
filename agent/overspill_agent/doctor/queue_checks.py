"""Queues, and the frobnicator that puts burstable jobs into the right one. Pure.

Sources: flux-config-queues(5), flux-config-policy(5), flux-config-ingest(5), RFC 31 (`^property` shuns a property).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from overspill_agent.doctor.config_tables import strings, table
from overspill_agent.doctor.finding import Finding
from overspill_shared.lead_config import BURST_QUEUE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_agent.ports import InstanceFacts, InstanceHealth

PLUGIN_PATH: Final = Path(__file__).parent.with_name("flux_frobnicator.py")
"""Where our frobnicator plugin lies."""
DEFAULT_PLUGINS: Final = ("defaults", "constraints")
"""Flux's own: the first gives jobs the default queue, the second makes queues' requirements the jobs'."""

QUEUES_CONFIG: Final = """\
[queues.local]
requires = ["^{property}"]
[queues.burst]
requires = ["{property}"]
[policy.jobspec.defaults.system]
queue = "local"
"""
_QUEUE_ARGUMENT: Final = "--burst-queue="


def keeps_jobs_at_home(config: Mapping[str, Any], burst_property: str) -> bool:
    """Tell whether a job that names no queue goes to one that shuns burst ranks."""
    queue = table(config, "queues", _default_queue(config))
    return f"^{burst_property}" in strings(queue.get("requires"))


def check_queues(facts: InstanceFacts, burst_property: str) -> Finding:
    """Find queues that let jobs straddle home and burst, or leave no way to one of them."""
    code = "queues"
    whole = QUEUES_CONFIG.format(property=burst_property)
    declared = table(facts.config, "queues")
    if not declared:
        return Finding.warning(
            code,
            "There are no queues: jobs may straddle home and burst, and small ones keep rented nodes busy.",
            remedy="Declare two, restart the lead, and start them: `flux queue start --all`.",
            config=whole,
        )
    if not _burst_queues(declared, burst_property):
        return Finding.error(
            code,
            f"No queue requires the property {burst_property!r}: no job can be bound to the slots.",
            remedy="Declare one for bursts, and start it: `flux queue start --all`.",
            config=f'[queues.burst]\nrequires = ["{burst_property}"]\n',
        )
    default = _default_queue(facts.config)
    if default not in declared:
        return Finding.warning(
            code,
            "There is no default queue: a job that names none is refused.",
            remedy="Name the queue that keeps jobs at home.",
            config=whole,
        )
    if not keeps_jobs_at_home(facts.config, burst_property):
        return Finding.warning(
            code,
            f"The default queue {default} does not shun burst ranks: small jobs keep rented nodes busy.",
            remedy=f"Have a default queue that requires ^{burst_property}.",
            config=whole,
        )
    return Finding.ok(code, f"Jobs stay at home by default (queue {default}), and bursts have a queue of their own.")


def check_queues_started(facts: InstanceFacts, health: InstanceHealth) -> Finding:
    """Find queues that take no jobs or start none; named queues begin stopped."""
    code = "queues-started"
    disabled = [queue.name for queue in health.queues if not queue.is_enabled]
    stopped = [queue.name for queue in health.queues if not queue.is_started]
    # No state directory, no memory: the queues are stopped again after each restart.
    again = " (after each restart, as there is no state directory)" if health.state_directory is None else ""
    if stopped:
        return Finding.error(
            code,
            f"{_shown(stopped)} stopped: jobs wait there for ever, and bursts for them cost money.",
            remedy=f"Run `flux queue start --all`{again}.",
        )
    if disabled:
        return Finding.error(
            code, f"{_shown(disabled)} disabled: jobs are refused.", remedy="Run `flux queue enable --all`."
        )
    if not health.queues:
        return Finding.skipped(code, f"{facts.scheduler} has no queues.")
    return Finding.ok(code, f"{len(health.queues)} queue(s) take jobs and start them.")


def check_frobnicator(
    facts: InstanceFacts, burst_property: str, plugin_texts: Mapping[str, str | None] | None = None
) -> Finding:
    """Find that burstable jobs which name no queue stay in the default one, where they never burst."""
    code = "frobnicator"
    if not _is_needed(facts.config, burst_property):
        return Finding.ok(code, "None is needed: the default queue does not keep burstable jobs at home.")
    plugins = strings(table(facts.config, "ingest", "frobnicator").get("plugins"))
    config = _frobnicator_config(facts.config, burst_property)
    ours = next((plugin for plugin in plugins if _is_ours(plugin, plugin_texts or {})), None)
    if ours is None:
        return Finding.error(
            code,
            "The frobnicator is not in place: `flux submit --setattr=burstable` without a queue goes to the default"
            " queue, and is refused or never bursts.",
            remedy="Name it in front of Flux's own plugins, and reload the configuration (`flux config reload`).",
            config=config,
        )
    if not _is_in_order(plugins, ours):
        return Finding.error(
            code,
            f"ingest.frobnicator.plugins is {list(plugins)}: ours must come before `defaults`, which gives jobs the"
            " default queue, and `constraints` after both.",
            remedy="Put them in order, and reload the configuration (`flux config reload`).",
            config=config,
        )
    return _check_target(facts, ours, plugin_texts or {}, config)


def _check_target(facts: InstanceFacts, ours: str, texts: Mapping[str, str | None], config: str) -> Finding:
    code = "frobnicator"
    queue = _frobnicator_queue(facts.config)
    if queue not in table(facts.config, "queues"):
        return Finding.error(
            code,
            f"The frobnicator sends burstable jobs to the queue {queue!r}, which does not exist: it does nothing.",
            remedy="Name the queue for bursts.",
            config=config,
        )
    if texts.get(ours, "") is None:
        return Finding.error(
            code,
            f"The frobnicator {ours} cannot be read here: if the lead broker cannot either, no job can be submitted.",
            remedy="Install Overspill where the lead broker runs, and name the path that `overspill frobnicator`"
            " prints there.",
            config=config,
        )
    return Finding.ok(code, f"Burstable jobs that name no queue go to the queue {queue}.")


def _is_needed(config: Mapping[str, Any], burst_property: str) -> bool:
    default = _default_queue(config)
    queues = table(config, "queues")
    return bool(queues) and default not in _burst_queues(queues, burst_property)


def _is_ours(plugin: str, texts: Mapping[str, str | None]) -> bool:
    """Tell whether a plugin is our frobnicator, or at least one that looks at the attribute; it may be a copy."""
    if Path(plugin).name == PLUGIN_PATH.name:
        return True
    text = texts.get(plugin)
    return text is not None and "burstable" in text


def _is_in_order(plugins: tuple[str, ...], ours: str) -> bool:
    wanted = (ours, *DEFAULT_PLUGINS)
    return tuple(plugin for plugin in plugins if plugin in wanted) == wanted


def _frobnicator_queue(config: Mapping[str, Any]) -> str:
    arguments = strings(table(config, "ingest", "frobnicator").get("args"))
    named = [item.removeprefix(_QUEUE_ARGUMENT) for item in arguments if item.startswith(_QUEUE_ARGUMENT)]
    return named[-1] if named else BURST_QUEUE


def _frobnicator_config(config: Mapping[str, Any], burst_property: str) -> str:
    names = _burst_queues(table(config, "queues"), burst_property)
    plugins = ", ".join(f'"{plugin}"' for plugin in (PLUGIN_PATH, *DEFAULT_PLUGINS))
    lines = f"[ingest.frobnicator]\nplugins = [{plugins}]\n"
    if names and BURST_QUEUE not in names:
        lines += f'args = ["{_QUEUE_ARGUMENT}{names[0]}"]\n'
    return lines


def _default_queue(config: Mapping[str, Any]) -> str:
    return str(table(config, "policy", "jobspec", "defaults", "system").get("queue", ""))


def _burst_queues(queues: Mapping[str, Any], burst_property: str) -> list[str]:
    return [name for name in queues if burst_property in strings(table(queues, name).get("requires"))]


def _shown(names: list[str]) -> str:
    if names == [""]:
        return "The instance's queue is"
    return f"The queue {names[0]} is" if len(names) == 1 else f"The queues {', '.join(names)} are"
