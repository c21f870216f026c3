import asyncio

import pytest

from overspill_local.standin import cli

DEADLINE_S = 20.0


@pytest.fixture
def run(serve_lead, uri, capsys):
    """Give a function that runs commands one after another against a lead, and gives their codes."""

    def run_commands(*commands, hosts=("lead-0",), config=None):
        async def main():
            async with asyncio.timeout(DEADLINE_S), serve_lead(hosts, config=config):
                return [await cli.run_command([name, f"--uri={uri}", *argv]) for name, *argv in commands]

        codes = asyncio.run(main())
        return codes, capsys.readouterr()

    return run_commands


def test_jobs_are_listed_newest_first_with_their_states(run, uri):
    codes, printed = run(
        ["submit", "-N1", "sleep", "60"],
        ["submit", "-N1", "--job-name=later", "true"],
        ["submit", "-N9", "true"],
        ["jobs"],
    )

    assert codes == [0, 0, 0, 0]
    *ids, header, never, later, running = printed.out.splitlines()
    assert header.split() == ["JOBID", "NAME", "ST", "NTASKS", "NNODES", "INFO"]
    assert never.split() == [ids[2], "true", "F", "9", "9"]
    assert later.split() == [ids[1], "later", "S", "1", "1"]
    assert running.split() == [ids[0], "sleep", "R", "1", "1", "lead-0"]


def test_wait_online_tells_by_its_code_whether_they_came(run):
    codes, printed = run(["wait-online", "0"], ["wait-online", "--timeout=0.05", "0-1"], hosts=("lead-0", "lead-1"))

    assert codes == [0, 1]
    assert "ranks 0-1 were not online within 0.05 s" in printed.err


@pytest.mark.parametrize(
    ("job", "code"),
    [
        ({"waitstatus": 0, "exception": None}, 0),
        ({"waitstatus": 3 << 8, "exception": None}, 3),
        ({"waitstatus": None, "exception": {"type": "alloc"}}, 1),
        ({"waitstatus": 0, "exception": {"type": "cancel"}}, 1),
        ({"waitstatus": 143 << 8, "exception": {"type": "cancel"}}, 143),
    ],
)
def test_exit_code_is_the_one_of_flux_job_attach(job, code):
    assert cli.exit_code(job) == code


def test_wrong_command_lines_end_with_one_and_a_reason(capsys, monkeypatch):
    monkeypatch.delenv("FLUX_URI", raising=False)
    assert cli.main(["jobs"]) == 1
    assert "set FLUX_URI" in capsys.readouterr().err
    assert cli.main(["jobs", "--uri=local:///x"]) == 1
    assert "no address of a stand-in instance" in capsys.readouterr().err


def test_wrong_job_id_ends_with_one(run):
    with pytest.raises(ValueError, match="no job id"):
        run(["cancel", "x!"])


def test_keygen_makes_a_certificate(tmp_path):
    assert cli.main(["keygen", str(tmp_path / "a.cert")]) == 0
    assert (tmp_path / "a.cert").exists()
