"""How the instance schedules: prune filter, match policy, queue policy and depth, feasibility. Pure.

What the scheduler runs with counts, not what broker.toml says: the environment of the broker overrides it.

Sources: flux-config-sched-fluxion-resource(5), flux-config-sched-fluxion-qmanager(5), flux-config-ingest(5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from overspill_agent.doctor.config_tables import strings, table
from overspill_agent.doctor.finding import Finding
from overspill_agent.doctor.queue_checks import QUEUES_CONFIG, keeps_jobs_at_home

if TYPE_CHECKING:
    from overspill_agent.ports import InstanceFacts, InstanceHealth

FLUXION: Final = "fluxion"
DEEP_ENOUGH: Final = 1024
"""With easy, so many waiting jobs may stand in front of one that could run, and it is still looked at."""
DEFAULT_QUEUE_DEPTH: Final = 32

_PRUNE_CONFIG: Final = '[sched-fluxion-resource]\nprune-filters = "ALL:core"\n'
_MATCH_CONFIG: Final = '[sched-fluxion-resource]\nmatch-policy = "{policy}"\n'
_POLICY_CONFIG: Final = '[sched-fluxion-qmanager]\nqueue-policy = "hybrid"\n'
_DEPTH_CONFIG: Final = f"[sched-fluxion-qmanager.queue-params]\nqueue-depth = {DEEP_ENOUGH}\n"
_VALIDATOR_CONFIG: Final = '[ingest.validator]\nplugins = ["jobspec", "feasibility"]\n'
_SPREADING: Final = frozenset({"low", "high"})
_FIRST_NODES_FIRST: Final = frozenset({"low", "lonode", "lonodex"})
_SEES_PAST_WAITING_JOBS: Final = frozenset({"hybrid", "conservative"})


def check_prune_filter(facts: InstanceFacts) -> Finding:
    """Find a filter that counts nodes: with it, jobs that ask for more nodes than are up fail."""
    code = "prune-filter"
    if facts.scheduler != FLUXION:
        return Finding.ok(code, f"The scheduler is {facts.scheduler}, which has no prune filter.")
    filters = facts.scheduler_options.get("prune-filters")
    if filters is None:
        return Finding.warning(
            code,
            "Fluxion does not tell its prune filter, and its default fails burstable jobs.",
            remedy="Set the filter, and restart the lead.",
            config=_PRUNE_CONFIG,
        )
    if not any(":node" in item for item in filters.split(",")):
        return Finding.ok(code, f"Fluxion's prune filter is {filters}: jobs wait for nodes that are down.")
    configured = table(facts.config, "sched-fluxion-resource").get("prune-filters")
    return Finding.error(
        code,
        f"Fluxion's prune filter is {filters}: a job that asks for more nodes than are up fails at once"
        ' ("alloc denied due to type=unsatisfiable"), and waiting ones fail when ranks leave or the lead restarts.',
        remedy=_override_remedy("prune-filters", "FLUXION_RESOURCE_OPTIONS", is_overridden=configured == "ALL:core"),
        config=_PRUNE_CONFIG,
    )


def check_match_policy(facts: InstanceFacts, burst_property: str, *, shrinks: bool = False) -> Finding:
    """Find a policy by which small jobs land on rented ranks, or spread over them: those then never idle.

    `shrinks` is the setting, which wants another policy than the one that is advised otherwise.
    """
    code = "match-policy"
    if facts.scheduler != FLUXION:
        return Finding.ok(code, f"The scheduler is {facts.scheduler}, which has no match policy.")
    policy = facts.scheduler_options.get("match-policy")
    if policy is None:
        return Finding.skipped(code, "Fluxion does not tell its match policy.")
    if not keeps_jobs_at_home(facts.config, burst_property):
        order = "fills the highest ranks first, which are the rented ones" if policy == "first" else "knows no home"
        return Finding.warning(
            code,
            f"Fluxion's match policy {policy} {order}: small jobs keep rented nodes busy.",
            remedy="No policy prefers home; a default queue that shuns burst ranks does.",
            config=QUEUES_CONFIG.format(property=burst_property),
        )
    if policy in _SPREADING:
        return Finding.warning(
            code,
            f"Fluxion's match policy {policy} spreads the tasks of jobs without -N over many nodes:"
            " rented ranks are idle later than they could be.",
            remedy="Choose a policy that fills a node first, and restart the lead.",
            config=_MATCH_CONFIG.format(policy="lonode" if shrinks else "first"),
        )
    return Finding.ok(code, f"Fluxion's match policy is {policy}, and a queue keeps small jobs at home.")


def check_shrinking(facts: InstanceFacts) -> Finding:
    """Find a policy that defeats the setting `shrinks`: only a burst's last nodes can be given back."""
    code = "shrinking"
    if facts.scheduler != FLUXION:
        return Finding.ok(code, f"The scheduler is {facts.scheduler}, which fills a burst's first nodes first.")
    policy = facts.scheduler_options.get("match-policy")
    if policy is None:
        return Finding.skipped(code, "Fluxion does not tell its match policy.")
    if policy in _FIRST_NODES_FIRST:
        return Finding.ok(code, f"Fluxion's match policy {policy} fills a burst's first nodes first: last ones can go.")
    configured = table(facts.config, "sched-fluxion-resource").get("match-policy")
    return Finding.warning(
        code,
        f"shrinks is on, but Fluxion's match policy {policy} does not fill a burst's first nodes first, and only last"
        " ones can be given back: idle nodes are paid for.",
        remedy=_override_remedy(
            "match-policy", "FLUXION_RESOURCE_OPTIONS", is_overridden=configured in _FIRST_NODES_FIRST
        ),
        config=_MATCH_CONFIG.format(policy="lonode"),
    )


def check_queue_policy(facts: InstanceFacts, health: InstanceHealth | None = None) -> Finding:
    """Find policies under which a waiting burstable job blocks jobs behind it; each queue's own, if that is known."""
    code = "queue-policy"
    if facts.scheduler != FLUXION:
        return Finding.ok(
            code, f"The scheduler is {facts.scheduler}: jobs are taken in order, and the agent lets others pass."
        )
    policies = {queue.policy or "" for queue in health.queues} - {""} if health else set()
    policies = policies or {facts.scheduler_options.get("queue-policy", "")}
    if policies == {""}:
        return Finding.skipped(code, "Fluxion does not tell its queue policy.")
    shown = ", ".join(sorted(policies))
    if "fcfs" in policies:
        configured = table(facts.config, "sched-fluxion-qmanager").get("queue-policy")
        is_overridden = configured in _SEES_PAST_WAITING_JOBS
        return Finding.warning(
            code,
            f"Fluxion's queue policy is {shown}: a waiting burstable job blocks every job behind it in its queue until"
            " the agent has lowered its urgency.",
            remedy=_override_remedy("queue-policy", "FLUXION_QMANAGER_OPTIONS", is_overridden=is_overridden),
            config=_POLICY_CONFIG,
        )
    return Finding.ok(code, f"Fluxion's queue policy is {shown}: jobs pass those that wait for a burst.")


def check_queue_depth(facts: InstanceFacts, health: InstanceHealth) -> Finding:
    """Find queues whose policy is easy and that look at few jobs: waiting ones hide one that could run."""
    code = "queue-depth"
    easy = {queue.name: queue.depth or DEFAULT_QUEUE_DEPTH for queue in health.queues if queue.policy == "easy"}
    shallow = {name: depth for name, depth in easy.items() if depth < DEEP_ENOUGH}
    if facts.scheduler != FLUXION or not easy:
        return Finding.ok(code, "No queue's depth matters: none has the policy easy.")
    if not shallow:
        return Finding.ok(code, f"Queues with the policy easy look at {min(easy.values())} waiting jobs and more.")
    shown = ", ".join(f"{name or 'the queue'} at {depth}" for name, depth in sorted(shallow.items()))
    return Finding.warning(
        code,
        f"With the policy easy only the first waiting jobs are looked at ({shown}): burstable jobs that wait hide"
        " small ones behind them.",
        remedy="Look deeper, or choose the policy hybrid, and restart the lead.",
        config=_DEPTH_CONFIG,
    )


def check_feasibility(facts: InstanceFacts) -> Finding:
    """Find that jobs which can never run are accepted."""
    code = "feasibility"
    validator = table(facts.config, "ingest", "validator")
    if "feasibility" in strings(validator.get("plugins")) and not validator.get("disable"):
        return Finding.ok(code, "A job that can never run, burst or not, is refused when it is submitted.")
    return Finding.warning(
        code,
        "The feasibility validator is not used: a job that can never run is accepted, and fails or waits for ever.",
        remedy="Use it, and reload the configuration (`flux config reload`).",
        config=_VALIDATOR_CONFIG,
    )


def _override_remedy(key: str, variable: str, *, is_overridden: bool) -> str:
    if is_overridden:
        return (
            f"broker.toml has {key} right, but the scheduler was started with another: correct {variable} in the"
            " broker's environment, or restart the lead if broker.toml is newer than it."
        )
    return f"Set it in the lead's broker.toml, see that {variable} does not say otherwise, and restart the lead."
