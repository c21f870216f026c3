import pytest

from overspill_provision.entrypoint import limits_of
from overspill_provision.limits import check_limits
from overspill_provision.settings import ProvisionSettings
from overspill_shared.errors import ConfigError, RequestRefused
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


@pytest.mark.parametrize(
    ("changes", "allowed", "refused"),
    [
        ({}, {"template": {"machine_type": "c2-standard-8"}}, {"template": {"machine_type": "a3-highgpu-8g"}}),
        ({}, {"zone": "europe-west4-a"}, None),
        ({}, {"runtime": {"app_image": "anywhere.net/x"}}, None),
        ({}, {"lead": {"host": "10.1.2.3"}}, {"lead": {"host": "8.8.8.8"}}),
        ({}, {"lead": {"host": "192.168.1.1"}}, {"lead": {"host": "lead.example.org"}}),
        ({}, {"lead": {"host": "fd00::1"}}, {"lead": {"host": "169.254.169.254"}}),
        ({}, {"lead": {"host": "10.1.2.3"}}, {"lead": {"host": "127.0.0.1"}}),
        (
            {"OVERSPILL_ALLOWED_ZONES": '["us-*"]', "OVERSPILL_ALLOWED_LEAD_NAMES": '["*.example.org"]'},
            {"lead": {"host": "lead.example.org"}},
            {"zone": "europe-west4-a"},
        ),
    ],
    ids=str,
)
def test_provision_settings_allow_by_default_what_is_safe(burst_request, changed, changes, allowed, refused):
    limits = limits_of(load_for_function(ProvisionSettings, {**ENVIRON, **changes}))
    good = burst_request()
    good = good.model_copy(update={"lead": good.lead.model_copy(update={"host": "10.0.0.1"})})

    check_limits(changed(good, allowed), limits)
    if refused:
        with pytest.raises(RequestRefused):
            check_limits(changed(good, refused), limits)


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
        ({"OVERSPILL_MAX_BURSTS": "0"}, "max_bursts"),
        ({"OVERSPILL_ALLOWED_LEAD_RANGES": '["10.0.0.1/8"]'}, "allowed_lead_ranges"),
        ({"OVERSPILL_ALLOWED_ZONES": "us-central1-a"}, "allowed_zones"),
    ],
)
def test_provision_settings_wrong_names_the_key_and_no_secret(changes, named):
    with pytest.raises(ConfigError, match=named) as caught:
        load_for_function(ProvisionSettings, {**ENVIRON, **changes})

    assert "canary" not in str(caught.value)


def test_provision_settings_of_an_existing_cluster_need_a_kubeconfig_and_no_operator():
    environ = {**ENVIRON, "OVERSPILL_OPERATOR_MANIFEST": "", "OVERSPILL_CLUSTERS": "existing"}
    settings = load_for_function(ProvisionSettings, {**environ, "OVERSPILL_KUBECONFIG": "/etc/kubeconfig"})

    assert settings.operator_manifest == ""
    with pytest.raises(ConfigError, match="kubeconfig"):
        load_for_function(ProvisionSettings, environ)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"OVERSPILL_OPERATOR_MANIFEST": ""}, "operator_manifest"),
        ({"OVERSPILL_KUBECONFIG": "/etc/kubeconfig"}, "only there"),
    ],
)
def test_provision_settings_of_gke_need_an_operator_and_take_no_kubeconfig(changes, text):
    with pytest.raises(ConfigError, match=text):
        load_for_function(ProvisionSettings, {**ENVIRON, **changes})


def test_provision_settings_without_a_manifest_are_an_existing_cluster_s_alone():
    environ = {key: value for key, value in ENVIRON.items() if key != "OVERSPILL_OPERATOR_MANIFEST"}

    with pytest.raises(ConfigError, match="operator_manifest"):
        load_for_function(ProvisionSettings, environ)
    existing = {**environ, "OVERSPILL_CLUSTERS": "existing", "OVERSPILL_KUBECONFIG": "/srv/kubeconfig"}
    assert load_for_function(ProvisionSettings, existing).operator_manifest == ""


@pytest.mark.parametrize("key", ["OVERSPILL_OPERATOR_IMAGE", "OVERSPILL_DEADMAN_IMAGE"])
@pytest.mark.parametrize("image", ["python:3", "python@sha256:abc", "python@sha256:" + "0" * 64 + "\n", "$(id)"])
def test_provision_settings_images_are_pinned(key, image):
    with pytest.raises(ConfigError, match=key.removeprefix("OVERSPILL_").lower()):
        load_for_function(ProvisionSettings, {**ENVIRON, key: image})
