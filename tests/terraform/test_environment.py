"""The functions' environment, as Terraform sets it, against the settings that they have: neither may drift."""

import pytest
from tests.terraform.offline import VARIABLES

from overspill_provision.settings import ProvisionSettings
from overspill_shared.function_settings import load_for_function
from overspill_shared.settings import ENV_PREFIX
from overspill_teardown.settings import TeardownSettings

MODELS = {"provision": ProvisionSettings, "teardown": TeardownSettings}

LEFT = {
    "budget_s": "its default fits the function's time-out",
    "poll_s": "its default fits the APIs' quotas",
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
