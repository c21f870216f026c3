import traceback

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from overspill_shared.errors import ConfigError
from overspill_shared.settings import Settings, load


class Limits(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    nodes: int = Field(default=8, ge=1)
    lifetime_s: int = 3600


class Example(Settings):
    project: str = "default-project"
    port: int = Field(default=8050, ge=1, le=65535)
    zones: tuple[str, ...] = ("us-central1-a",)
    limits: Limits = Limits(nodes=5)
    private_key: SecretStr | None = None


class Strict(Settings):
    project: str
    port: int


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "overspill.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def refused(model, environ=None, **sources):
    with pytest.raises(ConfigError) as caught:
        load(model, environ or {}, **sources)
    assert caught.value.code == "settings"
    assert caught.value.remedy
    return caught.value


def test_load_without_sources_gives_the_defaults():
    assert load(Example, {}) == Example()
    assert load(Example, {}).project == "default-project"


@pytest.mark.parametrize(
    ("sources", "project"),
    [
        ({}, "default-project"),
        ({"file"}, "from-file"),
        ({"env"}, "from-env"),
        ({"flag"}, "from-flag"),
        ({"file", "env"}, "from-env"),
        ({"file", "flag"}, "from-flag"),
        ({"env", "flag"}, "from-flag"),
        ({"file", "env", "flag"}, "from-flag"),
    ],
    ids=lambda value: "-".join(sorted(value)) if isinstance(value, set) else None,
)
def test_load_prefers_flag_to_environment_to_file_to_default(file, sources, project):
    settings = load(
        Example,
        {"OVERSPILL_PROJECT": "from-env"} if "env" in sources else {},
        file=file('project = "from-file"\n') if "file" in sources else None,
        flags={"project": "from-flag"} if "flag" in sources else None,
    )

    assert settings.project == project


def test_load_takes_a_flag_of_none_as_not_given():
    assert load(Example, {"OVERSPILL_PORT": "1"}, flags={"port": None}).port == 1


def test_load_takes_an_empty_variable_as_not_set():
    assert load(Example, {"OVERSPILL_PORT": ""}).port == 8050


def test_load_reads_the_given_environment_only(monkeypatch):
    monkeypatch.setenv("OVERSPILL_PROJECT", "from-process")

    assert load(Example, {}).project == "default-project"
    assert load(Example, {"OVERSPILL_PROJECT": "given", "PROJECT": "other"}).project == "given"


def test_load_joins_nested_keys_with_two_underscores():
    limits = load(Example, {"OVERSPILL_LIMITS__NODES": "3"}).limits

    assert (limits.nodes, limits.lifetime_s) == (3, 3600)


def test_load_keeps_the_default_of_nested_keys_that_no_source_has():
    limits = load(Example, {"OVERSPILL_LIMITS__LIFETIME_S": "60"}).limits

    assert (limits.nodes, limits.lifetime_s) == (5, 60)


def test_load_merges_nested_keys_of_all_sources(file):
    settings = load(
        Example,
        {"OVERSPILL_LIMITS__NODES": "3"},
        file=file("[limits]\nnodes = 2\nlifetime_s = 60\n"),
        flags={"port": 1},
    )

    assert (settings.limits.nodes, settings.limits.lifetime_s, settings.port) == (3, 60, 1)


def test_load_reads_lists_from_file_and_from_json_in_the_environment(file):
    assert load(Example, {}, file=file('zones = ["a", "é"]\n')).zones == ("a", "é")
    assert load(Example, {"OVERSPILL_ZONES": '["b", "c"]'}).zones == ("b", "c")


def test_load_names_a_variable_that_should_be_json_beside_other_wrong_ones():
    error = refused(Example, {"OVERSPILL_ZONES": "canary,canary", "OVERSPILL_PORT": "canary"})

    assert "zones: " in error.text
    assert "port: " in error.text
    assert "canary" not in str(error)


def test_load_reports_all_wrong_keys_of_all_sources_at_once(file):
    error = refused(
        Example,
        {"OVERSPILL_PORT": "x", "OVERSPILL_LIMITS__NODES": "0"},
        file=file('zones = "no-list"\nmachine = "c2"\n[limits]\nwrong = 1\n'),
        flags={"project": 7},
    )

    for key in ("port", "limits.nodes", "limits.wrong", "zones", "machine", "project"):
        assert f"{key}: " in error.text


def test_load_names_unknown_keys_of_the_file(file):
    error = refused(Example, file=file("prot = 1\n[limits]\nnode = 1\n"))

    assert "prot: is not a setting" in error.text
    assert "limits.node: is not a setting" in error.text


def test_load_names_every_missing_key():
    error = refused(Strict)

    assert "project: Field required" in error.text
    assert "port: Field required" in error.text


def test_load_of_a_missing_file_names_it(tmp_path):
    assert str(tmp_path / "none.toml") in refused(Example, file=tmp_path / "none.toml").text
    assert "directory" in refused(Example, file=tmp_path).text


@pytest.mark.parametrize("text", ["port = ", "port = 1\nport = 2", b"\xff", "a = " + "[" * 10_000, "a = " + "9" * 5000])
def test_load_of_a_file_that_is_no_toml_names_it(file, text):
    path = file(text)

    assert f"{path} is not TOML" in refused(Example, file=path).text


def test_load_shows_no_secret():
    settings = load(Example, {"OVERSPILL_PRIVATE_KEY": "canary"})

    assert settings.private_key.get_secret_value() == "canary"
    assert "canary" not in f"{settings} {settings!r} {settings.model_dump_json()}"


def test_load_shows_no_value_in_its_errors(file):
    error = refused(
        Example,
        {"OVERSPILL_PORT": "canary", "OVERSPILL_LIMITS": "canary", "OVERSPILL_PRIVATE_KEY": "canary"},
        file=file('wrong = "canary"\n'),
        flags={"zones": "canary"},
    )

    assert "canary" not in str(error)
    assert "canary" not in "".join(traceback.format_exception(error))


def test_settings_show_no_value_in_validation_errors_either():
    with pytest.raises(ValidationError) as caught:
        Example(port="canary")

    assert "port" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_settings_are_frozen_and_keep_their_class():
    settings = load(Example, {})

    assert isinstance(settings, Example)
    with pytest.raises(ValueError, match=r"frozen"):
        settings.port = 1


def test_load_leaves_no_trace_for_the_next_load(file):
    load(Example, {"OVERSPILL_PORT": "1"}, file=file('project = "from-file"\n'))

    assert load(Example, {}) == Example()
