import pytest

from overspill_shared.errors import ConfigError
from overspill_shared.function_settings import load_for_function
from overspill_teardown.settings import TeardownSettings


def test_teardown_settings_defaults():
    settings = load_for_function(TeardownSettings, {"GOOGLE_CLOUD_PROJECT": "demo"})

    assert (settings.budget_s, settings.poll_s, settings.deployment) == (30, 5, "default")
    assert settings.forgotten_after_s == 3600


def test_teardown_settings_wrong_names_the_key():
    with pytest.raises(ConfigError, match="budget_s"):
        load_for_function(TeardownSettings, {"GOOGLE_CLOUD_PROJECT": "demo", "OVERSPILL_BUDGET_S": "-1"})
