import json
import logging
import os
import stat

import pytest

from overspill_agent import cli, flux_frobnicator
from overspill_shared import __version__, sealing
from overspill_shared.errors import AlreadyServed, ConfigError, FluxError, FluxUnavailable, Unavailable
from overspill_shared.log import PACKAGES
from overspill_shared.secrets import Secret

NOWHERE = "standin:///nonexistent/overspill-lead"


@pytest.fixture(autouse=True)
def environ(monkeypatch, tmp_path):
    """Give a clean environment in an empty directory, and put logging back as it was."""
    for name in [name for name in os.environ if name.startswith(("OVERSPILL_", "GOOGLE_", "PUBSUB_", "FLUX_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.chdir(tmp_path)
    loggers = [logging.getLogger(name) for name in (None, "google", *PACKAGES)]
    before = [(logger.level, logger.propagate, logger.handlers[:]) for logger in loggers]
    yield monkeypatch.setenv
    for logger, (level, propagate, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.propagate = propagate
        logger.handlers[:] = handlers


@pytest.fixture
def run(capsys):
    """Give a function that runs the command: exit code, standard output, standard error."""

    def run(*arguments):
        code = cli.run(list(arguments))
        return code, *capsys.readouterr()

    return run


def test_help_tells_the_commands(run):
    code, out, _ = run("--help")

    assert code == 0
    for word in ("agent", "status", "doctor", "keygen", "frobnicator", "simulate", "trace", "--setattr=burstable"):
        assert word in out


@pytest.mark.parametrize("command", ["agent", "status", "doctor", "keygen", "frobnicator"])
def test_help_of_a_command_tells_its_options(run, command):
    code, out, _ = run(command, "-h")

    assert code == 0
    assert f"Usage: overspill {command} [OPTIONS]" in out


def test_help_of_the_agent_names_what_it_needs(run):
    _, out, _ = run("agent", "--help")

    for word in ("--config", "OVERSPILL_CONFIG", "--once", "--dry-run", "GOOGLE_CLOUD_PROJECT", "OVERSPILL_PUBLIC_KEY"):
        assert word in out


def test_version_prints_it(run):
    assert run("--version") == (0, f"overspill {__version__}\n", "")


def test_without_arguments_shows_help(run):
    code, out, err = run()

    assert code == 2
    assert "Usage:" in out + err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["brew"], "No such command 'brew'"),
        (["agent", "--fast"], "No such option"),
        (["keygen"], "Missing argument 'file'"),
        (["agent", "--config"], "'--config' requires an argument"),
    ],
    ids=["no such command", "no such option", "argument is missing", "value is missing"],
)
def test_wrong_usage_exits_2_and_says_what_is_wrong(run, arguments, told):
    code, out, err = run(*arguments)

    assert (code, out) == (2, "")
    assert told in err


def test_agent_without_a_project_exits_2_naming_it(run):
    code, out, err = run("agent")

    assert (code, out) == (2, "")
    assert err == (
        "overspill: project: no Google Cloud project is set.\n"
        "  what to do: Set GOOGLE_CLOUD_PROJECT, OVERSPILL_PROJECT or `project` in the settings file.\n"
    )


def test_agent_without_a_public_key_exits_2_naming_it(run, environ):
    environ("GOOGLE_CLOUD_PROJECT", "demo")

    code, _, err = run("agent")

    assert code == 2
    assert "public_key: no key to seal the curve certificate with." in err
    assert "OVERSPILL_PUBLIC_KEY" in err


def test_agent_with_a_public_key_file_that_is_missing_exits_2_naming_it(run, environ):
    environ("GOOGLE_CLOUD_PROJECT", "demo")
    environ("OVERSPILL_PUBLIC_KEY_FILE", "/nonexistent/key.pub")

    code, _, err = run("agent")

    assert code == 2
    assert "public_key_file: /nonexistent/key.pub: No such file or directory." in err


def test_agent_with_wrong_settings_exits_2_naming_every_key(run, environ, tmp_path):
    (tmp_path / "overspill.toml").write_text("idle_timeout_s = -1\ncolour = 'red'\n")
    environ("OVERSPILL_LEAD_PORT", "none")

    code, _, err = run("agent", "-c", "overspill.toml", "--log-format", "xml")

    assert code == 2
    for key in ("idle_timeout_s: ", "colour: is not a setting", "lead_port: ", "log_format: "):
        assert key in err
    assert "what to do: " in err


def test_agent_with_a_settings_file_that_is_missing_exits_2_naming_it(run, environ):
    environ("OVERSPILL_CONFIG", "nowhere.toml")

    code, _, err = run("agent")

    assert code == 2
    assert "settings file nowhere.toml: No such file or directory." in err


@pytest.mark.parametrize("arguments", [["agent"], ["agent", "--once"], ["agent", "--dry-run"], ["status"], ["doctor"]])
def test_command_without_a_flux_broker_exits_3(run, environ, keypair, arguments):
    environ("FLUX_URI", NOWHERE)
    environ("GOOGLE_CLOUD_PROJECT", "demo")
    environ("OVERSPILL_PUBLIC_KEY", keypair[0])

    code, out, err = run(*arguments)

    assert (code, out) == (3, "")
    assert "what to do: " in err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), 2),
        (FluxUnavailable("x"), 3),
        (AlreadyServed("x"), 4),
        (FluxError("x"), 1),
        (Unavailable("x"), 1),
    ],
)
def test_exit_code_tells_scripts_what_failed(error, code):
    assert cli._exit_code(error) == code


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["plan"], "flux-unavailable"), (["status"], "flux-unavailable"), (["doctor", "-c", "no.toml"], "settings")],
)
def test_error_where_json_was_asked_for_is_json_and_is_told_a_person_too(run, environ, arguments, code):
    environ("FLUX_URI", NOWHERE)

    exit_code, out, err = run(*arguments, "--json")

    error = json.loads(out)["error"]
    assert set(error) == {"class", "code", "text", "remedy"}
    assert (exit_code, error["code"]) == (2 if code == "settings" else 3, code)
    assert error["text"] in err
    assert error["remedy"] in err


@pytest.mark.parametrize(
    ("arguments", "level"),
    [
        (["plan"], logging.WARNING),
        (["explain", "1"], logging.WARNING),
        (["doctor"], logging.WARNING),
        (["agent", "--dry-run"], logging.WARNING),
        (["agent", "--dry-run", "--log-level", "info"], logging.INFO),
        (["agent"], logging.DEBUG),
    ],
)
def test_log_level_is_the_serving_agents_and_answers_stand_without_its_log(run, environ, keypair, arguments, level):
    environ("FLUX_URI", NOWHERE)
    environ("OVERSPILL_LOG_LEVEL", "debug")
    environ("GOOGLE_CLOUD_PROJECT", "demo")
    environ("OVERSPILL_PUBLIC_KEY", keypair[0])

    run(*arguments)

    assert logging.getLogger("overspill_agent").level == level


def test_explain_without_a_remedy_says_the_error_alone():
    assert cli._explain(Unavailable("it is gone.")) == "overspill: it is gone."


def test_keygen_writes_a_pair_that_fits(run, tmp_path):
    code, out, _ = run("keygen", "key")

    private, public = tmp_path / "key", tmp_path / "key.pub"
    assert (code, out) == (0, "private key: key\npublic key:  key.pub\n")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    sealing.check_private_keys(Secret(private.read_bytes()))
    assert sealing.parse_public_key(public.read_text()) == public.read_text().strip()
    assert private.read_text() not in out


def test_keygen_makes_another_pair_each_time(run, tmp_path):
    run("keygen", "a")
    run("keygen", "b")

    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(("existing", "missing"), [("key", "key.pub"), ("key.pub", "key")])
def test_keygen_overwrites_nothing_and_leaves_no_half_pair(run, tmp_path, existing, missing):
    (tmp_path / existing).write_text("precious")

    code, _, err = run("keygen", "key")

    assert code == 2
    assert f"{existing}: File exists." in err
    assert (tmp_path / existing).read_text() == "precious"
    assert not (tmp_path / missing).exists()


def test_keygen_in_a_directory_that_is_missing_says_so(run):
    code, _, err = run("keygen", "nowhere/key")

    assert code == 2
    assert "No such file or directory." in err
    assert "in a directory that does" in err


def test_frobnicator_prints_where_the_plugin_is(run):
    code, out, _ = run("frobnicator")

    assert (code, out) == (0, f"{flux_frobnicator.__file__}\n")
