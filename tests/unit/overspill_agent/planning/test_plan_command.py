import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tests.unit.overspill_agent.deciding.scenes import job, scene

from overspill_agent import cli
from overspill_agent.deciding.decisions import Code, Decision, DecisionKind
from overspill_agent.planning.job_ids import format_job_id, parse_job_id
from overspill_agent.planning.plan_command import explain
from overspill_agent.planning.report import as_list
from overspill_shared.errors import ConfigError


@pytest.fixture
def run(capsys):
    def run(*arguments):
        code = cli.run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "snapshot.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return write


def test_plan_of_a_file_prints_its_decisions_as_json(run, file):
    code, out, err = run("plan", "--snapshot", file(scene(job("a", 4), job("b", 2))), "--json")

    told = {(d["kind"], tuple(d["jobs"])) for d in json.loads(out)["decisions"]}
    assert (code, err, told) == (0, "", {("hold", ("b",)), ("request", ("a",))})


def test_plan_of_a_file_prints_each_decision_with_its_price_and_reason(run, file):
    code, out, _ = run("plan", "--snapshot", file(scene(job("a", 4))))

    assert code == 0
    assert "request" in out
    assert "$5.53" in out
    assert "cannot run on" in out


def test_plan_without_anything_to_decide_says_so(run, file):
    assert run("plan", "--snapshot", file(scene()))[1].startswith("nothing to decide")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (scene(job("a", surprise=1)), "jobs.0.surprise: unknown key"),
        (scene(policy={"cap": 1}), "policy.cap: unknown key"),
        ("[", "Invalid JSON"),
    ],
)
def test_plan_of_a_wrong_file_exits_2_naming_the_key(run, file, content, named):
    code, out, err = run("plan", "--snapshot", file(content))

    assert (code, out) == (2, "")
    assert named in err


def test_plan_of_a_missing_file_exits_2(run, tmp_path):
    code, _, err = run("plan", "--snapshot", str(tmp_path / "none.json"))

    assert (code, "No such file" in err) == (2, True)


def test_explain_tells_what_is_decided_of_a_job_and_why(run, file):
    code, out, _ = run("explain", "a", "--snapshot", file(scene(job("a", 4), job("b", 4), home="")))

    assert code == 0
    assert out.startswith("a: request, never-fits-locally\n  why: 4 nodes of 8 cores cannot run")
    assert "with it: 1 more job" in out


def test_explain_as_json_gives_the_decision(run, file):
    code, out, _ = run("explain", "a", "--snapshot", file(scene(job("a", 2))), "--json")

    assert (code, json.loads(out)["decision"]["code"]) == (0, "fits-now")


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_explain_of_a_job_that_nothing_is_decided_of_exits_1(run, file, arguments):
    code, out, _ = run("explain", "z", "--snapshot", file(scene(job("a", burstable=0))), *arguments)

    assert (code, "z" in out) == (1, True)


FUZZY = 6787342413402046


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", 42),
        ("0x2a", 42),
        ("0000.0000.0000.002a", 42),
        ("ƒuzzybunny", FUZZY),
        ("fuzzybunny", FUZZY),
        *((text, None) for text in ("", "ƒ", "ƒ0", "0xg", "a.b")),
    ],
)
def test_job_id_is_read_as_flux_writes_it(text, number):
    assert parse_job_id(text) == number


@given(number=st.integers(0, 2**63))
def test_job_id_that_is_written_can_be_read(number):
    assert parse_job_id(format_job_id(number)) == number


def test_plan_of_an_instance_names_its_jobs_as_flux_does():
    held = Decision(kind=DecisionKind.HOLD, code=Code.FITS_NOW, reason="it fits", jobs=(FUZZY, 42))

    console = Console(width=100, file=io.StringIO())
    console.print(as_list([held]))

    assert console.file.getvalue() == "hold fits-now: jobs ƒuzzybunny, ƒj\n    it fits\n"


def test_explain_of_what_is_no_job_id_says_so():
    with pytest.raises(ConfigError, match="'job!' is no job id"):
        explain("job!", (), None, as_json=False)
