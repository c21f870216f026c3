"""The texts that lie in the lead's pods: broker.toml, R, the agent's settings, and what runs before the broker. Pure.

Sources: flux-config-bootstrap(5), flux-config-tbon(5), RFC 20; the Flux Operator's wait.sh, whose variables and
branches `PRE` uses.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import tomli_w

from overspill_agent.init.lead_plan import OVERLAY_PORT
from overspill_shared.broker_toml import CURVE_CERT_PATH
from overspill_shared.hostlist import compress
from overspill_shared.lead_config import recommended_tables, resource_set

if TYPE_CHECKING:
    from overspill_agent.init.lead_plan import LeadPlan
    from overspill_agent.init.slot_spec import SlotSpec

MOUNT: Final = "/etc/overspill"
"""Where the ConfigMap lies in every container of the lead's pods."""
KEYS_MOUNT: Final = "/etc/overspill-keys"
FROBNICATOR_FILE: Final = "flux_frobnicator.py"
SETTINGS_FILE: Final = "settings.toml"
FLUX_URI: Final = "local:///mnt/flux/config/run/flux/local"
"""The lead broker's socket. The operator's own sidecar script waits for another path, at which there is never one."""

PRE: Final = f"""\
# Index 0 becomes an ordinary worker of this script too: its main host runs the broker once, and never again.
mainHost=every-broker-is-restarted
# Our certificate instead of the operator's, which is shown in a ConfigMap and in this log.
install -m 0600 -o "${{fluxuid}}" {KEYS_MOUNT}/curve.cert "${{curvepath}}"
# Named queues are stopped at first. Later an administrator may have stopped one on purpose: then it stays so.
if [ "${{JOB_COMPLETION_INDEX}}" = 0 ] && [ ! -e "${{STATE_DIR}}/overspill-queues-started" ]; then
  ( for attempt in $(seq 300); do
      if FLUX_URI="local://${{configroot}}/run/flux/local" flux queue start --quiet --all; then
        touch "${{STATE_DIR}}/overspill-queues-started"
        break
      fi
      sleep 2
    done ) > /dev/null 2>&1 &
fi
"""
"""A constant: it runs in a shell, and no option may reach it."""

_BROKER_HEADER: Final = """\
# The lead's broker.toml, written by `overspill init`: minicluster.yaml carries it in spec.flux.brokerConfig.
# Order matters in hosts: a host's place is its rank.
"""
_SETTINGS_HEADER: Final = """\
# The agent's settings, written by `overspill init`: configmap.yaml carries them. docs/settings.md has them all.
"""


def broker_toml(plan: LeadPlan) -> str:
    """Give the lead's broker.toml.

    The operator writes it through an unquoted heredoc, so it must hold no `$`, backtick or backslash: every name in it
    is checked by a pattern that has none. `default_connect` is a template, so that nothing takes the lead's internal
    name for an address that burst nodes could dial.
    """
    config: dict[str, Any] = {
        # As the operator's own default has it.
        "access": {"allow-guest-user": True, "allow-root-owner": True},
        "bootstrap": {
            "curve_cert": CURVE_CERT_PATH,
            "default_port": OVERLAY_PORT,
            # Not eth0, as the operator has it: other networks call it otherwise, and the lead would not start.
            "default_bind": "tcp://0.0.0.0:%p",
            "default_connect": f"tcp://%h.{plan.network}:%p",
            "hosts": [{"host": compress(plan.hosts)}],
        },
        "resource": {"path": f"{MOUNT}/R"},
    }
    recommended = recommended_tables(frobnicator_path=f"{MOUNT}/{FROBNICATOR_FILE}", scheduler=plan.scheduler)
    return _BROKER_HEADER.replace("`", "") + tomli_w.dumps(config | recommended)


def resource_text(plan: LeadPlan) -> str:
    """Give R (RFC 20) of every declared rank, as Flux reads it."""
    return json.dumps(resource_set(plan.groups)) + "\n"


def settings_toml(plan: LeadPlan) -> str:
    """Give the agent's settings; what was not said stands there as a comment that tells what is missing.

    Images are not said: the agent reads them, by digest, from the pod that it runs in.
    """
    known = {
        "project": plan.project,
        "deployment": plan.deployment,
        "lead_id": plan.name,
        "lead_host": plan.lead_host,
        # Otherwise the agent finds the Service by itself, and with one of the two it would take the other from there.
        "lead_port": plan.exposed_port if plan.lead_host or plan.has_router else None,
        "public_key": plan.public_key,
    }
    tables: dict[str, dict[str, Any]] = {
        "slots": {slot.name: {"template": slot.template} for slot in plan.slots},
        "templates": _templates(plan.slots),
    }
    values: dict[str, Any] = {key: value for key, value in known.items() if value is not None}
    values |= {name: table for name, table in tables.items() if table}
    return _SETTINGS_HEADER + _missing(plan) + "\n" + tomli_w.dumps(values) + _missing_templates(plan.slots)


def undescribed_templates(slots: tuple[SlotSpec, ...]) -> dict[str, SlotSpec]:
    """Give the templates of which nobody said what machines they are, each with a slot that uses it."""
    described = _templates(slots)
    return {slot.template: slot for slot in slots if slot.template not in described}


def _templates(slots: tuple[SlotSpec, ...]) -> dict[str, dict[str, Any]]:
    return {
        slot.template: slot.machine.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        for slot in slots
        if slot.machine
    }


def _missing(plan: LeadPlan) -> str:
    lines = []
    if plan.project is None:
        lines.append('# project = ""        # missing: the Google Cloud project of the deployment')
    if plan.needs_lead_host:
        lines.append(f'# lead_host = ""      # missing: the external address of the Service {plan.objects_name}')
    if plan.public_key is None:
        lines.append('# public_key = ""     # missing: the line in the deployment\'s KEY.pub (`overspill keygen`)')
    return "".join(f"{line}\n" for line in lines)


def _missing_templates(slots: tuple[SlotSpec, ...]) -> str:
    return "".join(
        f"\n# missing: which machines these are; cores and gpus are what R says\n"
        f"# [templates.{template}]\n"
        f'# machine_type = ""\n# cores = {slot.cores}\n# gpus = {slot.gpus}\n# memory_mib = 0\n# zones = []\n'
        for template, slot in undescribed_templates(slots).items()
    )
