import pytest

from overspill_shared.errors import ConfigError
from overspill_shared.function_settings import FunctionSettings, load_for_function


def test_load_for_function_takes_project_from_google_cloud_project():
    assert load_for_function(FunctionSettings, {"GOOGLE_CLOUD_PROJECT": "demo"}).project == "demo"


def test_load_for_function_own_project_wins():
    environ = {"GOOGLE_CLOUD_PROJECT": "demo", "OVERSPILL_PROJECT": "own"}

    assert load_for_function(FunctionSettings, environ).project == "own"


def test_load_for_function_without_project_names_the_key():
    with pytest.raises(ConfigError, match="project"):
        load_for_function(FunctionSettings, {})


def test_load_for_function_defaults():
    settings = load_for_function(FunctionSettings, {"OVERSPILL_PROJECT": "demo"})

    assert (settings.deployment, settings.poll_s, settings.log_level) == ("default", 5, "info")


def test_load_for_function_names_all_wrong_keys_at_once():
    environ = {"OVERSPILL_PROJECT": "demo", "OVERSPILL_DEPLOYMENT": "No Name", "OVERSPILL_POLL_S": "never"}

    with pytest.raises(ConfigError, match=r"(?s)deployment.*poll_s"):
        load_for_function(FunctionSettings, environ)


@pytest.mark.parametrize(
    ("given", "clusters_in"), [({}, "demo"), ({"OVERSPILL_BURST_PROJECT": "bursts"}, "bursts")], ids=["same", "own"]
)
def test_load_for_function_clusters_are_in_the_burst_project_or_else_beside_the_topics(given, clusters_in):
    settings = load_for_function(FunctionSettings, {"OVERSPILL_PROJECT": "demo", **given})

    assert (settings.project, settings.clusters_in) == ("demo", clusters_in)
