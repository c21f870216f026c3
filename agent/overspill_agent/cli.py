"""The `overspill` command: options in, exit codes out. No rule stands here, and nothing is imported before its use."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from overspill_agent.init.command import init
from overspill_agent.simulate.command import simulate, trace
from overspill_shared import __version__
from overspill_shared.errors import AlreadyServed, ConfigError, FluxUnavailable, OverspillError

if TYPE_CHECKING:
    from overspill_agent.agent_settings import AgentSettings
    from overspill_agent.deciding.decisions import Decision

JSON_FLAG = "--json"

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NO_FLUX = 3
EXIT_ALREADY_SERVED = 4

app = typer.Typer(
    name="overspill",
    help="Bursts Flux jobs that do not fit to cloud nodes that exist only while they are needed.\n\n"
    "Mark a job with `flux submit -N 4 --setattr=burstable …`; the agent does the rest.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 no Flux broker answers, 4 another agent serves"
    " the instance.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="OVERSPILL_CONFIG", help="Settings file (TOML); see docs/settings.md."),
]
SnapshotOption = Annotated[
    Path | None,
    typer.Option(
        "--snapshot", metavar="FILE", help="A snapshot as JSON (docs/deciding.md), - for standard input; not live."
    ),
]
JsonOption = Annotated[bool, typer.Option(JSON_FLAG, help="Print JSON, for scripts; an error too.")]


@app.callback(invoke_without_command=True)
def _root(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False
) -> None:
    if version:
        typer.echo(f"overspill {__version__}")
        raise typer.Exit


@app.command()
def agent(
    *,
    config: ConfigOption = None,
    once: Annotated[
        bool, typer.Option("--once", help="Take in events and jobs, decide and act once, then exit (for cron).")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be decided now, as `overspill plan` does, and exit.")
    ] = False,
    as_json: Annotated[bool, typer.Option(JSON_FLAG, help="With --dry-run: print JSON, for scripts.")] = False,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    log_format: Annotated[str | None, typer.Option(help="json or plain.")] = None,
) -> None:
    """Serve the Flux instance of FLUX_URI: watch its jobs, request bursts, and tear them down.

    Runs until SIGTERM, beside the lead broker. Bursts stay when it stops; the next agent resumes them.

    Needs, from the settings file or the environment: the Google Cloud project (GOOGLE_CLOUD_PROJECT), and the
    deployment's public key (OVERSPILL_PUBLIC_KEY). Everything else has a default.
    """
    settings = _load_settings(config, {"log_level": log_level, "log_format": log_format})
    if dry_run:
        if log_level is None:
            _keep_quiet()
        from overspill_agent.planning import plan_command  # noqa: PLC0415 - keeps --help and --version quick

        plan_command.show(plan_command.of_instance(settings, os.environ), None, as_json=as_json)
    else:
        from overspill_agent import wiring  # noqa: PLC0415

        wiring.serve(settings, os.environ, is_once=once)


@app.command()
def status(*, as_json: JsonOption = False) -> None:
    """Show the bursts of the Flux instance of FLUX_URI: state, age, nodes, and why.

    Reads the instance's KVS; works whether the agent runs or not.
    """
    from overspill_agent import status as shown  # noqa: PLC0415
    from overspill_agent.wiring import connect  # noqa: PLC0415

    instance = connect(os.environ)
    try:
        bursts = shown.read_bursts(instance)
    finally:
        instance.close()
    now = time.time()
    if as_json:
        typer.echo(json.dumps(shown.as_json(bursts, now), indent=2))
    elif bursts:
        Console().print(shown.as_table(bursts, now))
    else:
        typer.echo("no bursts")


@app.command()
def plan(*, snapshot: SnapshotOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what would be decided now: bursts with their nodes, price and time, and why other jobs wait.

    Of the Flux instance of FLUX_URI, or of a file: that needs neither Flux nor a cloud. Nothing is published. An
    unknown key in the file exits 2.
    """
    from overspill_agent.planning import plan_command  # noqa: PLC0415

    decisions, ids = _decided(snapshot, config)
    plan_command.show(decisions, ids, as_json=as_json)


@app.command()
def explain(
    job: Annotated[str, typer.Argument(metavar="JOBID", help="As Flux writes it (ƒ…), or as the file does.")],
    *,
    snapshot: SnapshotOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say why a job waits, bursts or is refused, with the numbers that were compared.

    Exits 1 if nothing is decided of it.
    """
    from overspill_agent.planning import plan_command  # noqa: PLC0415

    decisions, ids = _decided(snapshot, config)
    raise typer.Exit(plan_command.explain(job, decisions, ids, as_json=as_json))


@app.command()
def doctor(*, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check the Flux instance of FLUX_URI, and show the configuration that mends what is wrong.

    Looks at scheduler, queues, slots, certificate, topology, state and versions, and at the rights in Pub/Sub; changes
    nothing. Exits 0 if there is no error (warnings are none), 1 if there is one, 3 if no broker answers.
    """
    settings = _load_settings(config, {})
    _keep_quiet()
    from overspill_agent.doctor import command  # noqa: PLC0415

    raise typer.Exit(command.run(settings, os.environ, as_json=as_json))


@app.command()
def keygen(
    file: Annotated[Path, typer.Argument(help="Where the private key goes (mode 0600); the public one to FILE.pub.")],
) -> None:
    """Make the key pair that curve certificates are sealed with.

    The private key is the provision function's (OVERSPILL_PRIVATE_KEY or …_FILE), the public one the agent's
    (OVERSPILL_PUBLIC_KEY or public_key_file). Existing files are not overwritten.
    """
    from overspill_shared.sealing import generate_keypair  # noqa: PLC0415

    public, private = generate_keypair()
    public_file = file.with_name(file.name + ".pub")
    _write_new(public_file, public.encode() + b"\n", mode=0o644)
    try:
        _write_new(file, private.reveal() + b"\n", mode=0o600)
    except ConfigError:
        public_file.unlink()
        raise
    typer.echo(f"private key: {file}\npublic key:  {public_file}")


app.command()(init)
app.command()(simulate)
app.command()(trace)


@app.command()
def frobnicator() -> None:
    """Print the path of the ingest frobnicator, for the lead's broker.toml.

    ```toml
    [ingest.frobnicator]
    plugins = ["PATH", "defaults", "constraints"]
    ```

    It puts burstable jobs that name no queue into the queue `burst`.
    """
    typer.echo(Path(__file__).with_name("flux_frobnicator.py"))


def main() -> None:
    """Run the command; the entry point of the `overspill` script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command with these arguments and give its exit code.

    Errors go to standard error; where JSON was asked for, to standard output too, as `{"error": …}`.
    """
    try:
        app(arguments, prog_name="overspill", standalone_mode=True)
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else EXIT_FAILED
    except OverspillError as exc:
        if JSON_FLAG in arguments:
            typer.echo(json.dumps({"error": _as_json(exc)}, indent=2))
        Console(stderr=True, highlight=False).print(_explain(exc), soft_wrap=True, markup=False)
        return _exit_code(exc)
    return 0


def _exit_code(error: OverspillError) -> int:
    if isinstance(error, ConfigError):
        return EXIT_USAGE
    if isinstance(error, FluxUnavailable):
        return EXIT_NO_FLUX
    return EXIT_ALREADY_SERVED if isinstance(error, AlreadyServed) else EXIT_FAILED


def _as_json(error: OverspillError) -> dict[str, str]:
    return {"class": error.error_class, "code": error.code, "text": error.text, "remedy": error.remedy}


def _explain(error: OverspillError) -> str:
    return f"overspill: {error.text}" + (f"\n  what to do: {error.remedy}" if error.remedy else "")


def _load_settings(config: Path | None, flags: dict[str, Any]) -> AgentSettings:
    from overspill_agent.agent_settings import load_agent_settings  # noqa: PLC0415
    from overspill_shared import log  # noqa: PLC0415

    settings = load_agent_settings(os.environ, file=config, flags=flags)
    log.setup(level=settings.log_level, json_lines=settings.log_format == "json")
    return settings


def _keep_quiet() -> None:
    """Let no more than warnings stand between a person and the answer: the log's level is for the agent that serves."""
    from overspill_shared import log  # noqa: PLC0415

    log.setup(level="warning", json_lines=False)


def _decided(snapshot: Path | None, config: Path | None) -> tuple[tuple[Decision, ...], list[int | str] | None]:
    """Decide of a file, or of the live instance; gives the jobs' ids where they are not Flux's."""
    from overspill_agent.planning import plan_command  # noqa: PLC0415

    if snapshot is not None:
        return plan_command.of_file(snapshot)
    settings = _load_settings(config, {})
    _keep_quiet()
    return plan_command.of_instance(settings, os.environ), None


def _write_new(file: Path, content: bytes, *, mode: int) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as exc:
        remedy = "Choose a file that does not exist yet, in a directory that does."
        raise ConfigError(f"{file}: {exc.strerror}.", remedy=remedy) from None
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
