"""The options of `overspill simulate` and `overspill trace`, and what they print. No rule stands here."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from overspill_agent.simulate.outcomes import Run
    from overspill_agent.simulate.report import Summary
    from overspill_agent.simulate.scenario import Scenario
    from overspill_agent.simulate.trace import Trace


def simulate(
    trace: Annotated[
        Path,
        typer.Argument(
            help="A log in the Standard Workload Format (.gz as well), a trace in JSON lines, or a shipped example:"
            " office, campaign or wide."
        ),
    ],
    *,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:KEY=VALUE,…]",
            help="A policy to compare: never, always or break-even, with any key of the policy changed. Give it once"
            " for each; without it the three are compared.",
        ),
    ] = None,
    nodes: Annotated[int | None, typer.Option(min=1, help="Nodes at home; otherwise what the trace says.")] = None,
    slot: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=COUNT",
            help="A slot and the most nodes of a burst there; otherwise the trace's, or one as large as the machine.",
        ),
    ] = None,
    price: Annotated[
        float | None, typer.Option(min=0, help="USD an hour of a rented node; otherwise the trace's, or 0.42.")
    ] = None,
    cluster_price: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="USD an hour of a burst's cluster without its nodes, otherwise 0.167; 0 where it is there anyway.",
        ),
    ] = None,
    load: Annotated[
        float, typer.Option(min=0.01, max=100, help="Submit jobs so many times as close together as the trace does.")
    ] = 1.0,
    processors_per_node: Annotated[
        int, typer.Option(min=1, help="Of a log whose jobs ask for processors: so many make one node.")
    ] = 1,
    capacity_failures: Annotated[
        float | None, typer.Option(min=0, max=1, help="The share of creates lost to a stock-out (published: 0.0034).")
    ] = None,
    boot_failures: Annotated[
        float | None, typer.Option(min=0, max=1, help="The share of creates whose brokers never join (0.005).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the cloud's latencies and failures; all policies meet the same.")] = 1,
    plot: Annotated[Path | None, typer.Option(help="Write a drawing of the waits to this file (SVG).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Replay a recorded queue through the agent's own rules, and compare policies by wait and cost.

    Nothing is rented, and no Flux is needed: queue and cloud are models, months pass in seconds. What decides is the
    agent's own code.

    * `overspill simulate office`
    * `overspill simulate office --policy break-even --policy break-even:idle_timeout_s=120 --plot waits.svg`
    * `overspill simulate my-site.swf.gz --processors-per-node 64 --slot burst-0=32 --price 3.13`

    Waits are those of the jobs that started; what is paid for begins with a burst's request and ends with its removal.
    """
    from overspill_agent.simulate.contenders import DEFAULTS, parse_contender  # noqa: PLC0415 - keeps --help quick
    from overspill_agent.simulate.latencies import build_cloud  # noqa: PLC0415
    from overspill_agent.simulate.replay import replay  # noqa: PLC0415
    from overspill_agent.simulate.report import summarise  # noqa: PLC0415
    from overspill_agent.simulate.scenario import build_scenario, parse_slots  # noqa: PLC0415
    from overspill_agent.simulate.trace import under_load  # noqa: PLC0415
    from overspill_agent.simulate.trace_files import load_trace  # noqa: PLC0415

    contenders = [parse_contender(text) for text in policy or DEFAULTS]
    recorded = under_load(load_trace(trace, processors_per_node=processors_per_node), load)
    scenario = build_scenario(
        recorded,
        nodes=nodes,
        slots=parse_slots(slot or ()),
        price_usd_per_h=price,
        cluster_usd_per_h=cluster_price,
        cloud=build_cloud(capacity_failures=capacity_failures, boot_failures=boot_failures),
        seed=seed,
    )
    began = time.perf_counter()
    runs = [replay(recorded, scenario, contender) for contender in contenders]
    elapsed_s = time.perf_counter() - began
    results = [(run, summarise(run, scenario.price_usd_per_h, scenario.cluster_usd_per_h)) for run in runs]
    if plot is not None:
        _draw(plot, recorded, results)
    if as_json:
        typer.echo(json.dumps(_as_json(recorded, scenario, results, load), indent=2))
    else:
        _show(recorded, scenario, results, elapsed_s)


def trace(
    shape: Annotated[str, typer.Argument(help="How the load comes: office, campaign or wide.")],
    *,
    seed: Annotated[int, typer.Option(help="The same seed gives the same jobs.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many.")] = 500,
    nodes: Annotated[int, typer.Option(min=1, max=100_000, help="Nodes of the machine that they are for.")] = 8,
    load: Annotated[
        float, typer.Option(min=0.01, max=10, help="Their work, as a share of what the nodes could do in that time.")
    ] = 0.3,
    burstable: Annotated[float, typer.Option(min=0, max=1, help="The share of jobs that are marked burstable.")] = 1.0,
    price: Annotated[float, typer.Option(min=0, help="USD an hour of a rented node.")] = 0.42,
) -> None:
    """Make a trace for `overspill simulate` where no log is at hand, and print it as JSON lines.

    office: little at night, much by day. campaign: a quiet background, and now and then dozens of jobs at once. wide:
    small jobs, and some as wide as the machine or wider.

    * `overspill trace office --seed 7 --jobs 500 > office.jsonl`
    * `overspill simulate office.jsonl`
    """
    from overspill_agent.simulate.generator import Recipe, Shape, generate  # noqa: PLC0415 - keeps --help quick
    from overspill_agent.simulate.json_lines import write_json_lines  # noqa: PLC0415

    if shape not in set(Shape):
        raise ConfigError(
            f"there is no shape {shape[:40]!r}.", remedy=f"Choose one of {', '.join(Shape)}.", code="trace-shape"
        )
    recipe = Recipe(
        shape=Shape(shape), seed=seed, jobs=jobs, nodes=nodes, load=load, burstable=burstable, price_usd_per_h=price
    )
    sys.stdout.writelines(write_json_lines(generate(recipe)))


def _draw(file: Path, recorded: Trace, results: list[tuple[Run, Summary]]) -> None:
    from overspill_agent.simulate.plot import draw  # noqa: PLC0415

    try:
        file.write_text(draw(f"{recorded.name}: {len(recorded.jobs):,} jobs", results), encoding="utf-8")
    except OSError as exc:
        raise ConfigError(
            f"--plot {file}: {exc.strerror}.", remedy="Name a file in a directory that is there.", code="plot"
        ) from None


def _as_json(recorded: Trace, scenario: Scenario, results: list[tuple[Run, Summary]], load: float) -> dict[str, Any]:
    from overspill_agent.simulate.report import as_json  # noqa: PLC0415

    return {
        "trace": {
            "name": recorded.name,
            "source": recorded.source,
            "jobs": len(recorded.jobs),
            "skipped": recorded.skipped,
            "load": load,
        },
        "nodes": scenario.nodes,
        "slots": dict(scenario.slots),
        "price_usd_per_h": scenario.price_usd_per_h,
        "cluster_usd_per_h": scenario.cluster_usd_per_h,
        "seed": scenario.seed,
        "policies": [as_json(summary) for _, summary in results],
    }


def _show(recorded: Trace, scenario: Scenario, results: list[tuple[Run, Summary]], elapsed_s: float) -> None:
    from rich.console import Console  # noqa: PLC0415

    from overspill_agent.simulate.report import in_words  # noqa: PLC0415
    from overspill_agent.simulate.table import as_table  # noqa: PLC0415

    span_s = recorded.jobs[-1].submitted_at
    slots = ", ".join(f"{name} of {size}" for name, size in scenario.slots.items())
    console = Console(highlight=False)
    console.print(
        f"{recorded.name}: {len(recorded.jobs):,} jobs in {in_words(span_s)}, {scenario.nodes:,} nodes at home,"
        f" slots {slots}, {scenario.price_usd_per_h:g} USD a node-hour, {scenario.cluster_usd_per_h:g} a cluster-hour",
        soft_wrap=True,
        markup=False,
    )
    if recorded.source:
        console.print(f"source: {recorded.source}", soft_wrap=True, markup=False)
    console.print()
    console.print(as_table([summary for _, summary in results]))
    console.print(f"\nreplayed in {elapsed_s:.1f} s", markup=False)
