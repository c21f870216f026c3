"""The options of `overspill init`, and what it prints. Nothing is built here, and nothing imported that is not used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from overspill_shared import __version__

if TYPE_CHECKING:
    from overspill_agent.init.lead_plan import LeadPlan


def init(
    directory: Annotated[Path, typer.Argument(help="Where the files go; made if it is missing.")],
    *,
    slot: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=COUNT:cores=N[,…]",
            help="A slot: its name, the most nodes that a burst there can have, and after the colon the nodes' physical"
            " `cores=`, `gpus=` (0) and `template=` (default). What is rented may follow: `machine=`, `memory_mib=`,"
            " `zone=` (several, in order), `price=` (USD an hour). Give it once for each slot.",
        ),
    ],
    size: Annotated[int, typer.Option(help="Nodes of the lead's own.")],
    cores: Annotated[int, typer.Option(help="Physical cores of each of the lead's own nodes.")],
    gpus: Annotated[int, typer.Option(help="GPUs of each of the lead's own nodes.")] = 0,
    name: Annotated[str, typer.Option(help="Name of the MiniCluster, prefix of its hosts, and lead id.")] = "lead",
    namespace: Annotated[str, typer.Option(help="Kubernetes namespace; it must exist.")] = "default",
    scheduler: Annotated[str, typer.Option(help="fluxion (the operator's default) or simple.")] = "fluxion",
    service: Annotated[
        str,
        typer.Option(help="How burst nodes reach the lead: loadbalancer, internal (GKE's, in the VPC) or nodeport."),
    ] = "loadbalancer",
    admit: Annotated[
        list[str] | None,
        typer.Option(help="Range that the load balancer lets through (192.0.2.1/32); several times. Default: all."),
    ] = None,
    node_port: Annotated[int | None, typer.Option(help="With nodeport: the port, 30000 to 32767.")] = None,
    router: Annotated[
        bool, typer.Option("--router", help="Expose a service pod of nginx instead, which forwards to the lead.")
    ] = False,
    lead_host: Annotated[
        str | None, typer.Option(help="The address that burst nodes dial, where it is known already.")
    ] = None,
    image: Annotated[str | None, typer.Option(help="The application's image, on the lead and on bursts.")] = None,
    view_image: Annotated[str | None, typer.Option(help="The image that brings Flux.")] = None,
    agent_image: Annotated[
        str, typer.Option(help="The agent's image.")
    ] = f"ghcr.io/converged-computing/overspill-agent:{__version__}",
    router_image: Annotated[str, typer.Option(help="With --router: its image.")] = "nginx:1.28",
    uid: Annotated[int, typer.Option(help="Who runs brokers and agent; the operator's images expect root.")] = 0,
    service_account: Annotated[
        str | None, typer.Option(help="The agent's Google service account (e-mail), for Workload Identity.")
    ] = None,
    project: Annotated[str | None, typer.Option(help="Google Cloud project of the deployment.")] = None,
    deployment: Annotated[str, typer.Option(help="Name of the deployment whose functions are asked.")] = "default",
    public_key: Annotated[
        Path | None, typer.Option(help="File with the deployment's public key (`overspill keygen`).")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Write the manifests of a lead MiniCluster whose jobs can burst.

    Flux declares all ranks at its start, so the future burst nodes stand in the lead's hosts and in R from the
    beginning, as slots; until a burst fills them they are down. Two slots, of different nodes:

    * `overspill init lead/ --size 2 --cores 4 --slot burst-0=4:cores=4 --slot gpu-0=2:cores=8,gpus=1,template=gpu`

    Written are: broker.toml, R and settings.toml (to read and to change), and to apply: rbac.yaml, service.yaml,
    configmap.yaml, minicluster.yaml, and router.yaml with `--router`. Nothing is applied, and no key is written.
    """
    from overspill_agent.agent_settings import (  # noqa: PLC0415 - keeps --help quick
        DEFAULT_APP_IMAGE,
        DEFAULT_VIEW_IMAGE,
    )
    from overspill_agent.init.lead_plan import build_plan  # noqa: PLC0415
    from overspill_agent.init.output import build_files, write_files  # noqa: PLC0415
    from overspill_agent.init.slot_spec import parse_slot  # noqa: PLC0415

    plan = build_plan(
        name=name,
        namespace=namespace,
        size=size,
        cores=cores,
        gpus=gpus,
        slots=tuple(parse_slot(text) for text in slot),
        scheduler=scheduler,
        service=service,
        node_port=node_port,
        admitted=tuple(admit) if admit else None,
        has_router=router,
        lead_host=lead_host,
        app_image=image or DEFAULT_APP_IMAGE,
        view_image=view_image or DEFAULT_VIEW_IMAGE,
        agent_image=agent_image,
        router_image=router_image,
        uid=uid,
        service_account=service_account,
        project=project,
        deployment=deployment,
        public_key=_read_public_key(public_key) if public_key else None,
    )
    files = build_files(plan, _frobnicator_source())
    write_files(directory, files, is_forced=force)
    _report(plan, directory, tuple(files), as_json=as_json)


def _report(plan: LeadPlan, directory: Path, names: tuple[str, ...], *, as_json: bool) -> None:
    from overspill_agent.init.next_steps import next_steps  # noqa: PLC0415

    steps = next_steps(plan)
    if as_json:
        document = {
            "directory": str(directory),
            "files": list(names),
            "slots": [slot.model_dump(mode="json", exclude={"machine"}) for slot in plan.slots],
            "next_steps": list(steps),
        }
        typer.echo(json.dumps(document, indent=2))
        return
    typer.echo(f"written to {directory}: {', '.join(names)}\n\nnext, in that directory:")
    for number, step in enumerate(steps, start=1):
        sentence, *commands = step.splitlines()
        typer.echo("\n".join([f"\n{number}. {sentence}", *(f"     {command}" for command in commands)]))


def _read_public_key(file: Path) -> str:
    from overspill_shared.errors import ConfigError  # noqa: PLC0415
    from overspill_shared.sealing import parse_public_key  # noqa: PLC0415

    try:
        return parse_public_key(file.read_text())
    except OSError as exc:
        raise ConfigError(f"--public-key {file}: {exc.strerror}.", remedy="Correct it.", code="public-key") from None
    except (UnicodeDecodeError, ConfigError) as exc:
        text = exc.text if isinstance(exc, ConfigError) else "it is no text."
        raise ConfigError(
            f"--public-key {file}: {text}", remedy="Give the .pub file of `overspill keygen`.", code="public-key"
        ) from None


def _frobnicator_source() -> str:
    """Give the ingest frobnicator's source: Flux loads it on the lead, where this package is not installed."""
    from overspill_agent import flux_frobnicator  # noqa: PLC0415 - imports nothing of Flux

    return Path(flux_frobnicator.__file__).read_text()
