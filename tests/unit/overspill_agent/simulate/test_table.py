from dataclasses import replace
from itertools import product

from rich.console import Console

from overspill_agent.simulate.outcomes import Run
from overspill_agent.simulate.report import summarise
from overspill_agent.simulate.table import ROWS, as_table

NOTHING = summarise(Run(policy="never", jobs=(), bursts=(), turns=0), 0.5)


def shown(*summaries):
    console = Console(width=100)
    with console.capture() as capture:
        console.print(as_table(summaries))
    lines = [line.strip() for line in capture.get().splitlines()]
    names = ["", *(name.strip() for name, _ in ROWS)]
    return {
        name: line.removeprefix(name).split() for line, name in product(lines, names) if line.startswith(f"{name}  ")
    } | {"": lines[0].split()}


def test_policies_stand_side_by_side():
    rows = shown(
        NOTHING, replace(NOTHING, policy="always", cost_usd=1234.5, counted_usd=12.0, bursts=7, wait_p95_s=600.0)
    )

    assert rows[""] == ["never", "always"]
    assert rows["wait, p95"] == ["0", "s", "10", "min"]
    assert rows["cost"] == ["0.00", "USD", "1,234.50", "USD"]
    assert rows["counted by the agent"] == ["0.00", "USD", "12.00", "USD"]
    assert rows["bursts"] == ["0", "7"]
    assert rows["leaked"] == ["0", "0"]


def test_an_unknown_price_is_told():
    assert shown(replace(NOTHING, cost_usd=None))["cost"] == ["unknown"]


def test_what_never_happened_is_left_out():
    assert "jobs killed" not in shown(NOTHING)
    assert shown(NOTHING, replace(NOTHING, jobs_killed=2))["jobs killed"] == ["0", "2"]
