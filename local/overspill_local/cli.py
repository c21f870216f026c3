"""The `overspill-local` command: the embedded cloud, and the demo. Options in, exit codes out.

Exit codes: 0 done · 1 failed · 2 wrong usage.
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import Annotated

import typer

from overspill_local.faults.command import app as fault_app
from overspill_shared import __version__
from overspill_shared.errors import ConfigError, OverspillError

EXIT_FAILED = 1
EXIT_USAGE = 2

app = typer.Typer(
    name="overspill-local",
    help="Overspill on one machine: Pub/Sub, GKE, Kubernetes and the Flux Operator are embedded, the agent and the"
    " functions are the real ones, and Flux is real where it is installed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(fault_app, name="fault")


class FluxChoice(StrEnum):
    """Which Flux is used."""

    AUTO = "auto"
    REAL = "real"
    STAND_IN = "stand-in"


class SchedulerChoice(StrEnum):
    """Which scheduler real Flux has."""

    FLUXION = "fluxion"
    SIMPLE = "simple"


FluxOption = Annotated[
    FluxChoice, typer.Option(help="Whose brokers run: real Flux's, the stand-in's, or real where `flux` is on PATH.")
]
PubSubOption = Annotated[
    str, typer.Option(help="`embedded`, or HOST:PORT of a running emulator such as Google's.", metavar="WHERE")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line, for scripts.")]
CreateOption = Annotated[
    float, typer.Option(min=0, max=3600, help="Seconds that making a cluster takes, as on a real cloud.")
]


@app.callback(invoke_without_command=True)
def _root(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False
) -> None:
    if version:
        typer.echo(f"overspill-local {__version__}")
        raise typer.Exit


@app.command()
def up(
    *,
    as_json: JsonOption = False,
    pubsub: PubSubOption = "embedded",
    flux: FluxOption = FluxChoice.AUTO,
    create_seconds: CreateOption = 2.0,
    sweep_seconds: Annotated[
        float, typer.Option(min=0.1, max=3600, help="Seconds between two sweeps for bursts that nobody wants.")
    ] = 30.0,
    existing_cluster: Annotated[
        bool, typer.Option("--existing-cluster", help="Bursts are namespaces of one Kubernetes cluster, not clusters.")
    ] = False,
) -> None:
    """Serve an embedded cloud until SIGTERM, for a Flux instance and an agent of your own.

    Prints the variables that clients need. With `--json` the first line is
    `{"event": "up.ready", "env": {…}, "endpoints": {…}, "pid": n}`, and every event follows as a line of its own.
    """
    from overspill_local.broker_commands import choose_flux  # noqa: PLC0415 - keeps --help quick
    from overspill_local.cloud_options import CloudOptions  # noqa: PLC0415
    from overspill_local.serving import serve_cloud  # noqa: PLC0415

    kind = choose_flux(flux.value, os.environ.get("PATH"))
    options = CloudOptions(
        flux=kind,
        pubsub=_checked_pubsub(pubsub),
        create_s=create_seconds,
        sweep_every_s=sweep_seconds,
        has_existing_cluster=existing_cluster,
    )
    raise typer.Exit(serve_cloud(options, as_json=as_json))


@app.command(context_settings={"ignore_unknown_options": False})
def demo(
    *,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            help="After `--`: what the burstable job runs on each node.", metavar="-- COMMAND", show_default=False
        ),
    ] = None,
    flux: FluxOption = FluxChoice.AUTO,
    scheduler: Annotated[
        SchedulerChoice | None, typer.Option(help="Real Flux's scheduler; default: fluxion where it is installed.")
    ] = None,
    pubsub: PubSubOption = "embedded",
    nodes: Annotated[int, typer.Option(min=1, max=64, help="Nodes of the burst, and of the job.")] = 4,
    local_nodes: Annotated[int, typer.Option(min=1, max=16, help="Nodes of the lead.")] = 2,
    create_seconds: CreateOption = 2.0,
    idle_timeout: Annotated[
        float, typer.Option(min=0.1, max=3600, help="Seconds without work after which the burst is torn down.")
    ] = 2.0,
    as_json: JsonOption = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Skip the teardown; what is left then is reported, not failed on.")
    ] = False,
) -> None:
    """Play one burst, end to end: a job that does not fit gets a cluster, runs there, and the cluster goes again.

    A lead instance with a few nodes up, and a slot of nodes down; a burstable job for the slot's size, and a small
    local one that passes it; the burst, the job's output, idle teardown, and the proof that nothing is left.
    """
    from overspill_local.broker_commands import choose_flux, choose_scheduler  # noqa: PLC0415 - keeps --help quick
    from overspill_local.demo.command import run_demo  # noqa: PLC0415
    from overspill_local.demo.scenario import DEFAULT_COMMAND, DemoOptions  # noqa: PLC0415
    from overspill_local.demo.screen import JsonScreen, PlainScreen  # noqa: PLC0415

    kind = choose_flux(flux.value, os.environ.get("PATH"))
    options = DemoOptions(
        flux=kind,
        scheduler=choose_scheduler(scheduler.value if scheduler else None, kind, os.environ.get("PATH")),
        pubsub=_checked_pubsub(pubsub),
        nodes=nodes,
        local_nodes=local_nodes,
        create_s=create_seconds,
        idle_timeout_s=idle_timeout,
        keep=keep,
        command=tuple(command or DEFAULT_COMMAND),
    )
    raise typer.Exit(run_demo(options, JsonScreen() if as_json else PlainScreen()))


def main() -> None:
    """Run the command; the entry point of the `overspill-local` script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command with these arguments and give its exit code; errors go to standard error."""
    try:
        app(arguments, standalone_mode=True)
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else EXIT_FAILED
    except OverspillError as exc:
        remedy = f"\n  what to do: {exc.remedy}" if exc.remedy else ""
        sys.stderr.write(f"overspill-local: {exc.text}{remedy}\n")
        return EXIT_USAGE if isinstance(exc, ConfigError) else EXIT_FAILED
    return 0


def _checked_pubsub(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if text == "embedded" or (colon and host and port.isdigit() and 0 < int(port) < 2**16):
        return text
    raise ConfigError(
        f"--pubsub must be `embedded` or HOST:PORT, not {text!r}.", remedy="For example --pubsub 127.0.0.1:8085."
    )
