import pytest

from overspill_provision.settings import ProvisionSettings
from overspill_shared.errors import ConfigError
from overspill_shared.function_settings import load_for_function

ENVIRON = {
    "OVERSPILL_PROJECT": "demo",
    "OVERSPILL_PRIVATE_KEY": "overspill-private-key:v1:canary",
    "OVERSPILL_OPERATOR_MANIFEST": "/srv/operator.yaml",
}


def test_provision_settings_defaults():
    settings = load_for_function(ProvisionSettings, ENVIRON)

    assert (settings.budget_s, settings.poll_s, settings.max_nodes_per_burst) == (480, 5, 64)
    assert settings.operator_manifest_sha256 is None


def test_provision_settings_embedded_cloud_may_look_often():
    assert load_for_function(ProvisionSettings, {**ENVIRON, "OVERSPILL_POLL_S": "0.05"}).poll_s == 0.05


def test_provision_settings_private_key_is_masked():
    settings = load_for_function(ProvisionSettings, ENVIRON)

    assert "canary" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"OVERSPILL_PRIVATE_KEY": ""}, "private_key"),
        ({"OVERSPILL_PRIVATE_KEY_FILE": "/key"}, "private_key"),
        ({"OVERSPILL_OPERATOR_MANIFEST": ""}, "operator_manifest"),
        ({"OVERSPILL_OPERATOR_MANIFEST_SHA256": "abc"}, "operator_manifest_sha256"),
        ({"OVERSPILL_MAX_NODES_PER_BURST": "0"}, "max_nodes_per_burst"),
        ({"OVERSPILL_BUDGET_S": "0"}, "budget_s"),
    ],
)
def test_provision_settings_wrong_names_the_key_and_no_secret(changes, named):
    with pytest.raises(ConfigError, match=named) as caught:
        load_for_function(ProvisionSettings, {**ENVIRON, **changes})

    assert "canary" not in str(caught.value)
