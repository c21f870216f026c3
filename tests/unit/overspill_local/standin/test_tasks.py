import asyncio
import os
import time
from pathlib import Path

from overspill_local.standin.tasks import TaskRunner

DEADLINE_S = 20.0


class Reports:
    """What a runner reports, and a way to wait for it."""

    def __init__(self):
        self.all = []
        self._came = asyncio.Event()

    def take(self, report):
        self.all.append(report)
        self._came.set()

    async def until(self, kind):
        async with asyncio.timeout(DEADLINE_S):
            while not (found := [report for report in self.all if report["report"] == kind]):
                self._came.clear()
                await self._came.wait()
        return found[0]

    def lines(self, stream="stdout"):
        return [report["line"] for report in self.all if report.get("stream") == stream]


def order_of(*command, **changes):
    usual = {"jobid": 7, "tasks": [0], "command": command, "cwd": None, "environment": None, "variables": {}}
    return {**usual, **changes}


def run(*command, **changes):
    """Run an order to its end; gives the reports."""

    async def main():
        reports = Reports()
        runner = TaskRunner("burst-0-2", "standin:///x", reports.take)
        runner.launch(order_of(*command, **changes))
        await reports.until("exit")
        await runner.stop()
        return reports

    return asyncio.run(main())


def test_order_is_reported_from_start_to_exit():
    reports = run("sh", "-c", "echo out; echo err >&2; printf rest; exit 3")

    assert reports.all[0] == {"report": "started", "jobid": 7}
    assert reports.all[-1] == {"report": "exit", "jobid": 7, "code": 3}
    assert reports.lines() == ["out", "rest"]
    assert reports.lines("stderr") == ["err"]


def test_tasks_have_their_own_ranks_and_the_largest_code_counts():
    script = "echo $FLUX_TASK_RANK/$FLUX_TASK_LOCAL_ID; exit $FLUX_TASK_RANK"
    reports = run("sh", "-c", script, tasks=[4, 5])

    assert sorted(reports.lines()) == ["4/0", "5/1"]
    assert reports.all[-1]["code"] == 5


def test_environment_is_the_jobs_and_not_the_brokers(monkeypatch):
    monkeypatch.setenv("BROKERS_OWN", "1")
    given = {"A": "b", "PATH": os.environ["PATH"], "FLUX_URI": "wrong"}
    reports = run("env", environment=given, variables={"FLUX_JOB_ID": "ƒ1"})

    lines = set(reports.lines())
    assert {"A=b", "FLUX_JOB_ID=ƒ1", "FLUX_URI=standin:///x", "HOSTNAME=burst-0-2"} <= lines
    assert "BROKERS_OWN=1" not in lines


def test_environment_is_the_brokers_where_the_jobspec_has_none(monkeypatch):
    monkeypatch.setenv("BROKERS_OWN", "1")

    assert "BROKERS_OWN=1" in run("env").lines()


def test_directory_is_the_jobs_or_tmp(tmp_path):
    assert run("pwd", cwd=str(tmp_path)).lines() == [str(tmp_path)]
    elsewhere = run("pwd", cwd="/nosuch/directory")
    assert elsewhere.lines() == ["/tmp"]
    assert "Could not change dir to /nosuch/directory" in elsewhere.lines("stderr")[0]


def test_command_that_cannot_be_started_says_so_and_exits_127():
    reports = run("nosuchcommand")

    assert reports.all[-1]["code"] == 127
    assert reports.lines("stderr") == [
        "task 0 (host burst-0-2): start failed: nosuchcommand: No such file or directory"
    ]


def test_long_output_without_a_newline_is_cut_and_not_lost():
    reports = run("sh", "-c", "head -c 200000 /dev/zero | tr '\\0' x")

    assert sum(map(len, reports.lines())) == 200_000
    assert len(reports.lines()) > 1


def test_killed_task_exits_as_its_signal_says():
    async def main():
        reports = Reports()
        runner = TaskRunner("h", "u", reports.take)
        runner.launch(order_of("sh", "-c", "sleep 60 & wait"))
        await reports.until("started")
        runner.kill(7)
        runner.kill(8)
        report = await reports.until("exit")
        await runner.stop()
        return report["code"]

    assert asyncio.run(main()) == 128 + 15


def test_task_that_is_killed_while_it_starts_ends_all_the_same():
    async def main():
        reports = Reports()
        runner = TaskRunner("h", "u", reports.take)
        runner.launch(order_of("sleep", "60", tasks=[0, 1]))
        runner.kill(7)
        report = await reports.until("exit")
        await runner.stop()
        return report["code"]

    assert asyncio.run(main()) == 128 + 15


def test_stop_ends_tasks_and_what_they_started_without_a_report():
    async def main():
        reports = Reports()
        runner = TaskRunner("h", "u", reports.take)
        runner.launch(order_of("sh", "-c", "sleep 60 & echo $!; wait"))
        child = int((await reports.until("output"))["line"])
        await runner.stop()
        return reports, child

    reports, child = asyncio.run(main())

    assert "exit" not in {report["report"] for report in reports.all}
    deadline = time.monotonic() + DEADLINE_S
    while is_running(child):
        assert time.monotonic() < deadline, "the task's child still runs"


def test_task_that_leaves_a_child_behind_ends_all_the_same():
    start = time.monotonic()
    reports = run("sh", "-c", "sleep 60 & echo done")

    assert reports.lines() == ["done"]
    assert time.monotonic() - start < 15


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
