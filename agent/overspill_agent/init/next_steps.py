"""What a person does with the files that `overspill init` wrote. Text only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from overspill_agent.init.lead_files import SETTINGS_FILE, undescribed_templates
from overspill_agent.init.lead_plan import ServiceType
from overspill_agent.init.manifests import WORKLOAD_IDENTITY
from overspill_shared.hostlist import compress

if TYPE_CHECKING:
    from overspill_agent.init.lead_plan import LeadPlan


def next_steps(plan: LeadPlan) -> tuple[str, ...]:
    """Give the steps in their order, each a sentence and, on lines of their own, its commands."""
    kubectl = f"kubectl --namespace {plan.namespace}"
    router = " -f router.yaml" if plan.has_router else ""
    return (
        _check_resources(plan),
        _step(
            "Make the instance's certificate, once, and keep it in a Secret only:",
            f"flux keygen curve.cert && {kubectl} create secret generic {plan.keys_secret} --from-file=curve.cert",
            "rm curve.cert",
        ),
        _step(
            "Apply the Service and the agent's rights, and see the address that burst nodes will dial:",
            "kubectl apply --server-side -f rbac.yaml -f service.yaml",
            _address_command(plan, kubectl),
        ),
        *_identity(plan, kubectl),
        *_settings(plan),
        f"Build and push the agent's image ({plan.agent_image}): agent/deploy/README.md says how.",
        _step("Start the lead:", f"kubectl apply --server-side -f configmap.yaml{router} -f minicluster.yaml"),
        _step(
            "Submit a job that does not fit:",
            f"{kubectl} exec -it job/{plan.name} -c {plan.name} -- bash",
            ". /mnt/flux/flux-view.sh && export FLUX_URI=$fluxsocket",
            f"flux submit -N {plan.slots[0].size} --setattr=burstable hostname",
        ),
    )


def _step(sentence: str, *commands: str) -> str:
    return "\n".join([sentence, *commands])


def _check_resources(plan: LeadPlan) -> str:
    return _step(
        "See that R tells the truth, in physical cores: a rank with fewer than R says drains itself as it joins.",
        *(
            f"{compress(group.hosts)}: {group.cores} cores, {group.gpus} GPUs" + (" (burst)" if group.is_burst else "")
            for group in plan.groups
        ),
    )


def _address_command(plan: LeadPlan, kubectl: str) -> str:
    if plan.service is ServiceType.NODEPORT:
        return (
            "kubectl get nodes --output wide"
            f"   # EXTERNAL-IP of one that stays; a firewall must let port {plan.node_port} through"
        )
    return f"{kubectl} get service {plan.objects_name} --output jsonpath='{{.status.loadBalancer.ingress[0].ip}}'"


def _identity(plan: LeadPlan, kubectl: str) -> tuple[str, ...]:
    if plan.service_account:
        return ()
    annotation = f"{WORKLOAD_IDENTITY}=AGENT@PROJECT.iam.gserviceaccount.com"
    step = _step(
        "Let the agent publish: give its service account the identity of the deployment's agent.",
        f"{kubectl} annotate serviceaccount {plan.objects_name} {annotation}",
    )
    return (step,)


def _settings(plan: LeadPlan) -> tuple[str, ...]:
    missing = [key for key in ("project", "public_key") if getattr(plan, key) is None]
    missing += ["lead_host"] if plan.needs_lead_host else []
    missing += [f"[templates.{name}]" for name in undescribed_templates(plan.slots)]
    if not missing:
        return ()
    text = f"Fill in what {SETTINGS_FILE} lacks ({', '.join(missing)}), and write configmap.yaml anew"
    return (f"{text} by the command that stands in its head.",)
