"""The functions' environment, as Terraform sets it, against the settings that they have: neither may drift."""

import pytest
from tests.terraform.offline import VARIABLES

from overspill_provision.settings import ProvisionSettings
from overspill_shared.function_settings import load_for_function
from overspill_shared.settings import ENV_PREFIX
from overspill_teardown.settings import TeardownSettings

MODELS = {"provision": ProvisionSettings, "teardown": TeardownSettings}

LEFT = {
    "clusters": "Terraform deploys bursts at GKE",
    "kubeconfig": "as clusters",
    "kubeconfig_context": "as clusters",
    "deadman_image": "its default is Docker Hub's own, which nodes reach by Cloud NAT",
    "budget_s": "its default fits the function's time-out",
    "poll_s": "its default fits the APIs' quotas",
    "stockout_timeout_s": "its default fits how GKE reports",
    "control_plane_ip_endpoint": "the functions reach control planes by their DNS names",
    "forgotten_after_s": "its default is more than a provision may take",
    "release_channel": "its default keeps GKE from replacing nodes under a job",
    "services_range": "GKE's own range serves all clusters",
    "system_machine_type": "its default holds what runs there",
    "private_key_file": "the keys come as a variable, from Secret Manager",
}
"""Settings that a deployment leaves at their defaults, and why. A new setting is set, or is named here."""


def environment(plan, function, private_keys=VARIABLES["private_keys"]):
    """Give what the function finds in its environment."""
    service = plan.one("google_cloudfunctions2_function", "this", function).block("service_config")
    secrets = {item["key"]: private_keys for item in service["secret_environment_variables"]}
    return {**service["environment_variables"], **secrets}


@pytest.mark.parametrize("function", MODELS)
def test_environment_is_the_functions_settings(plan, function):
    names = {name.removeprefix(ENV_PREFIX).lower() for name in environment(plan, function)}
    fields = set(MODELS[function].model_fields)

    assert names <= fields, "what is no setting is set in vain"
    assert fields - names == set(LEFT) & fields, (
        "a setting is left at its default without a reason, or has one too many"
    )


@pytest.mark.parametrize("function", MODELS)
def test_environment_is_accepted_by_the_function(plan, function):
    settings = load_for_function(MODELS[function], environment(plan, function))

    assert (settings.project, settings.clusters_in, settings.deployment) == ("my-project", "my-bursts", "default")


def test_every_setting_that_is_left_exists():
    assert set(LEFT) <= {name for model in MODELS.values() for name in model.model_fields}


def test_guardrails_are_what_the_variables_say(plan_with):
    plan = plan_with(
        max_bursts=7,
        max_nodes_per_burst=9,
        max_lifetime_s=7200,
        max_message_age_s=600,
    )
    settings = load_for_function(ProvisionSettings, environment(plan, "provision"))

    assert settings.max_bursts == 7
    assert settings.max_nodes_per_burst == 9
    assert settings.max_lifetime_s == 7260, "with a minute for clocks"
    assert settings.max_message_age_s == 600
    assert set(settings.allowed_machine_types) == {"c2-standard-60", "g2-standard-16"}
    assert set(settings.allowed_zones) == {"us-central1-a", "us-central1-f"}
    assert settings.allowed_images == ()
    assert "10.0.0.0/8" in map(str, settings.allowed_lead_ranges)
    assert settings.operator_manifest.startswith("https://")
    assert settings.operator_manifest_sha256
