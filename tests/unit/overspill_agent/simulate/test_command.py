import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from overspill_agent import cli

TRACE = """\
{"overspill_trace": 1, "nodes": 2, "slots": {"burst-0": 3}, "price_usd_per_h": 0.5, "source": "written by hand"}
{"id": 1, "submitted_at": 0, "nodes": 2, "run_s": 4000, "duration_s": 5000}
{"id": 2, "submitted_at": 5, "nodes": 2, "run_s": 60, "duration_s": 300}
{"id": 3, "submitted_at": 9, "nodes": 3, "run_s": 60, "duration_s": 300}
"""


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Give a function that runs the command beside a trace: exit code, standard output, standard error."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.chdir(tmp_path)
    Path("t.jsonl").write_text(TRACE)

    def run(*arguments):
        return cli.run(list(arguments)), *capsys.readouterr()

    return run


def test_policies_are_shown_side_by_side(run):
    code, out, err = run("simulate", "t.jsonl")

    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == (
        "t.jsonl: 3 jobs in 9 s, 2 nodes at home, slots burst-0 of 3, 0.5 USD a node-hour, 0.167 a cluster-hour"
    )
    assert lines[1] == "source: written by hand"
    rows = {line.split("  ")[0]: line.split() for line in lines}
    assert lines[3].split() == ["never", "always", "break-even"]
    assert rows["jobs refused"][-3:] == ["1", "0", "0"]
    assert "node-hours paid" in rows


def test_json_has_every_figure(run):
    code, out, _ = run("simulate", "t.jsonl", "--json", "--policy", "never", "--policy", "break-even:max_bursts=0")

    told = json.loads(out)
    assert code == 0
    assert told["trace"] == {"name": "t.jsonl", "source": "written by hand", "jobs": 3, "skipped": 0, "load": 1.0}
    assert (told["nodes"], told["slots"], told["price_usd_per_h"], told["seed"]) == (2, {"burst-0": 3}, 0.5, 1)
    never, capped = told["policies"]
    assert (never["policy"], never["jobs_refused"], never["wait_max_s"]) == ("never", 1, 3995.0)
    assert (capped["policy"], capped["jobs_unstarted"], capped["cost_usd"]) == ("break-even:max_bursts=0", 1, 0.0)
    assert set(never) == set(capped) >= {
        "wait_mean_s", "wait_p95_s", "cost_usd", "node_h_paid", "node_h_used", "bursts", "bursts_leaked"
    }  # fmt: skip


def test_the_same_command_gives_the_same_figures(run):
    assert run("simulate", "t.jsonl", "--json") == run("simulate", "t.jsonl", "--json")


def test_options_count_more_than_the_trace(run):
    _, out, _ = run(
        "simulate", "t.jsonl", "--json", "--policy", "never", "--nodes", "3", "--slot", "gpu-0=1", "--price", "2",
        "--cluster-price", "0", "--seed", "9", "--load", "2",
    )  # fmt: skip

    told = json.loads(out)
    assert (told["nodes"], told["slots"], told["price_usd_per_h"], told["seed"]) == (3, {"gpu-0": 1}, 2.0, 9)
    assert told["cluster_usd_per_h"] == 0
    assert told["trace"]["load"] == 2
    assert told["policies"][0]["wait_max_s"] == 4000 + 60 - 4.5


def test_failures_are_as_frequent_as_the_options_say(run):
    _, out, _ = run("simulate", "t.jsonl", "--json", "--policy", "always", "--boot-failures", "1")

    (always,) = json.loads(out)["policies"]
    assert always["bursts"] == always["bursts_failed"] > 0
    assert always["bursts_leaked"] == 0


def test_a_plot_is_written(run):
    code, _, _ = run("simulate", "t.jsonl", "--plot", "waits.svg")

    assert code == 0
    assert len(list(ET.fromstring(Path("waits.svg").read_text()).iter("{http://www.w3.org/2000/svg}polyline"))) == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["simulate", "nowhere.swf"], "nowhere.swf: No such file or directory."),
        (["simulate", "t.jsonl", "--policy", "sometimes"], "there is no policy 'sometimes'"),
        (["simulate", "t.jsonl", "--slot", "big"], "--slot big: "),
        (
            ["simulate", "t.jsonl", "--plot", "no/such/place.svg"],
            "--plot no/such/place.svg: No such file or directory.",
        ),
        (["trace", "square"], "there is no shape 'square'."),
    ],
)
def test_a_wrong_argument_is_explained(run, arguments, says):
    code, out, err = run(*arguments)

    assert (code, out) == (2, "")
    assert says in err
    assert "what to do: " in err


def test_a_trace_is_made_and_read_again(run):
    code, out, _ = run("trace", "wide", "--seed", "3", "--jobs", "20", "--nodes", "4", "--price", "1")
    Path("wide.jsonl").write_text(out)

    assert code == 0
    _, out, _ = run("simulate", "wide.jsonl", "--json", "--policy", "never")
    told = json.loads(out)
    assert told["trace"]["source"].startswith("overspill trace wide --seed 3 --jobs 20 --nodes 4")
    assert (told["trace"]["jobs"], told["nodes"], told["price_usd_per_h"]) == (20, 4, 1.0)


@pytest.mark.parametrize("command", ["simulate", "trace"])
def test_help_teaches_by_examples(run, command):
    code, out, _ = run(command, "--help")

    assert code == 0
    assert f"overspill {command} office" in out
