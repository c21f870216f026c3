"""The shipped traces: made by the commands that they name, and showing what they are there to show."""

import shlex
from pathlib import Path

import pytest

from overspill_agent import cli
from overspill_agent.simulate.contenders import DEFAULTS, parse_contender
from overspill_agent.simulate.replay import replay
from overspill_agent.simulate.report import summarise
from overspill_agent.simulate.scenario import build_scenario
from overspill_agent.simulate.trace_files import EXAMPLES, load_trace

TRACES = Path(cli.__file__).parent / "simulate" / "traces"


def test_every_shipped_trace_has_a_name():
    assert sorted(file.stem for file in TRACES.iterdir()) == sorted(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_what_its_command_makes(capsys, name):
    _, *arguments = shlex.split(load_trace(Path(name)).source)

    assert cli.run(arguments) == 0
    assert capsys.readouterr().out == (TRACES / f"{name}.jsonl").read_text()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", EXAMPLES)
def test_break_even_costs_less_than_always_and_waits_less_than_never(name, seed):
    trace = load_trace(Path(name))
    scenario = build_scenario(trace, seed=seed)

    never, always, even = (
        summarise(
            replay(trace, scenario, parse_contender(policy)), scenario.price_usd_per_h, scenario.cluster_usd_per_h
        )
        for policy in DEFAULTS
    )

    assert even.cost_usd < always.cost_usd
    assert even.wait_p95_s < never.wait_p95_s
    assert even.wait_mean_s < never.wait_mean_s
    for summary in (never, always, even):
        assert summary.bursts_leaked == 0
        assert summary.jobs_unstarted == 0
        assert summary.jobs_done + summary.jobs_killed + summary.jobs_refused == len(trace.jobs)
        assert summary.node_h_used <= summary.node_h_paid
