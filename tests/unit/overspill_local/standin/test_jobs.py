import errno

import pytest

from overspill_local.standin.protocol import Refused

BEFORE = ["submit", "validate", "depend", "priority"]
AFTER = ["finish", "release", "free", "clean"]


def test_job_that_fits_starts_at_once_and_tells_its_whole_life(bench):
    job = bench.submit(nodes=2)
    assert bench.names(job) == [*BEFORE, "alloc"]
    bench.start(job)
    bench.finish(job)

    assert bench.names(job) == [*BEFORE, "alloc", "start", *AFTER]
    assert bench.event(job, "alloc")["R"]["execution"]["R_lite"] == [{"rank": "0-1", "children": {"core": "0-1"}}]
    assert bench.event(job, "finish")["context"] == {"status": 0}
    assert bench.jobs.get(job).result == "COMPLETED"


def test_start_is_told_once_all_ranks_have_started(bench):
    job = bench.submit(nodes=2)
    bench.jobs.on_started(job, 1)
    assert "start" not in bench.names(job)
    bench.jobs.on_started(job, 1)
    assert "start" not in bench.names(job)
    bench.jobs.on_started(job, 0)
    assert bench.names(job)[-1] == "start"


def test_finish_carries_the_largest_exit_code_as_a_wait_status(bench):
    job = bench.submit(nodes=2)
    bench.start(job)
    bench.jobs.on_exit(job, 0, 3)
    assert "finish" not in bench.names(job)
    bench.jobs.on_exit(job, 1, 1)

    assert bench.event(job, "finish")["context"] == {"status": 3 << 8}
    assert bench.jobs.get(job).result == "FAILED"


def test_orders_number_tasks_through_and_carry_the_job(bench):
    job = bench.submit(nodes=2, tasks=4, command=("echo", "hi"), environment={"A": "b"}, cwd="/work")

    first, second = (bench.launcher.orders[job, rank] for rank in (0, 1))
    assert (first["tasks"], second["tasks"]) == ([0, 1], [2, 3])
    assert (first["command"], first["cwd"], first["environment"]) == (["echo", "hi"], "/work", {"A": "b"})
    assert first["variables"]["FLUX_JOB_NNODES"] == "2"
    assert first["variables"]["FLUX_JOB_SIZE"] == "4"
    assert first["variables"]["FLUX_JOB_ID"].startswith("ƒ")


def test_burstable_job_waits_for_burst_ranks_and_a_local_one_passes_it(bench):
    waiting = bench.submit(nodes=2, attributes=("burstable",))
    local = bench.submit(nodes=1)
    assert bench.ranks(local) == [0]
    assert bench.names(waiting) == BEFORE

    bench.instance.rank_joined(3)
    assert bench.names(waiting) == BEFORE
    bench.instance.rank_joined(5)
    assert bench.ranks(waiting) == [3, 5]


def test_waiting_jobs_start_by_urgency_then_by_submission(bench):
    blocker = bench.submit(nodes=2)
    low, first, second, high = (bench.submit(nodes=2, urgency=urgency) for urgency in (1, 16, 16, 20))
    order = []
    current = blocker
    for _ in range(4):
        bench.start(current)
        bench.finish(current)
        current = next(job for job in (low, first, second, high) if bench.ranks(job) and job not in order)
        order.append(current)

    assert order == [high, first, second, low]


def test_held_job_starts_only_when_its_urgency_is_raised(bench):
    job = bench.submit(urgency=0)
    assert bench.names(job) == BEFORE
    bench.jobs.set_urgency(job, 16)

    assert bench.names(job) == [*BEFORE, "urgency", "priority", "alloc"]
    assert bench.event(job, "urgency")["context"]["urgency"] == 16


def test_job_that_can_never_run_fails_at_once(bench):
    job = bench.submit(nodes=3)

    assert bench.names(job) == [*BEFORE, "exception", "clean"]
    assert bench.event(job, "exception")["context"]["note"].startswith("unsatisfiable request: need 3 exclusive")
    assert bench.jobs.get(job).result == "FAILED"


def test_waiting_job_that_is_cancelled_is_inactive_at_once(bench):
    job = bench.submit(nodes=1, attributes=("burstable",))
    bench.jobs.raise_exception(job, severity=0, kind="cancel", note="")

    assert bench.names(job) == [*BEFORE, "exception", "clean"]
    assert bench.jobs.get(job).result == "CANCELED"
    bench.instance.rank_joined(2)
    assert bench.ranks(job) == []


def test_running_job_that_is_cancelled_ends_when_its_tasks_have(bench):
    job = bench.submit(nodes=2)
    bench.start(job)
    bench.jobs.raise_exception(job, severity=0, kind="cancel", note="")
    assert sorted(bench.launcher.killed) == [(0, job), (1, job)]
    assert bench.names(job)[-1] == "exception"
    bench.finish(job, 143)

    assert bench.names(job)[-4:] == AFTER
    assert bench.jobs.get(job).result == "CANCELED"


def test_job_cancelled_before_it_started_tells_no_start(bench):
    job = bench.submit(nodes=2)
    bench.jobs.raise_exception(job, severity=0, kind="cancel", note="")
    bench.start(job)
    bench.finish(job)

    assert "start" not in bench.names(job)
    assert bench.names(job)[-1] == "clean"


def test_remark_changes_nothing_else(bench):
    job = bench.submit(nodes=1)
    bench.jobs.raise_exception(job, severity=2, kind="overspill", note="hm")
    bench.finish(job)

    assert bench.jobs.get(job).result == "COMPLETED"
    assert bench.launcher.killed == []


def test_rank_that_is_lost_fails_its_job_and_the_other_ranks_tasks_are_ended(bench):
    job = bench.submit(nodes=2)
    bench.start(job)
    bench.instance.rank_lost(1)
    assert bench.event(job, "exception")["context"]["note"] == "node failure on lead-1 (rank 1)"
    assert (0, job) in bench.launcher.killed
    bench.jobs.on_exit(job, 0, 143)

    assert bench.names(job).count("exception") == 1
    assert bench.names(job)[-4:] == AFTER
    assert bench.event(job, "finish")["context"]["status"] == 143 << 8


def test_job_that_loses_all_its_ranks_fails_once_and_ends(bench):
    job = bench.submit(nodes=2)
    bench.instance.rank_lost(1)
    bench.instance.rank_lost(0)

    assert bench.names(job).count("exception") == 1
    assert bench.names(job)[-4:] == AFTER


def test_lost_rank_is_not_used_again_until_it_is_back(bench):
    bench.instance.rank_lost(1)
    job = bench.submit(nodes=2)
    assert bench.names(job) == BEFORE
    bench.instance.rank_joined(1)

    assert bench.ranks(job) == [0, 1]


def test_report_that_comes_late_or_twice_is_ignored(bench):
    job = bench.submit(nodes=1)
    bench.finish(job)
    told = bench.names(job)
    bench.jobs.on_exit(job, 0, 1)
    bench.jobs.on_started(job, 0)
    bench.jobs.on_exit(12345, 0, 1)
    bench.jobs.on_started(12345, 0)
    bench.jobs.on_output(12345, 0, task=0, stream="stdout", line="x")

    assert bench.names(job) == told


def test_output_keeps_the_rank_and_host_of_each_line(bench):
    job = bench.submit(nodes=2)
    heard = []
    bench.jobs.get(job).output_listeners.add(heard.append)
    bench.jobs.on_output(job, 1, task=1, stream="stdout", line="hello")

    assert heard == [{"rank": 1, "host": "lead-1", "task": 1, "stream": "stdout", "line": "hello"}]
    assert list(bench.jobs.get(job).output) == heard


def test_memo_is_merged_and_null_removes(bench):
    job = bench.submit(nodes=1)
    bench.jobs.add_memo(job, {"a": 1, "b": 2})
    bench.jobs.add_memo(job, {"a": None, "c": 3})

    assert bench.jobs.get(job).memo == {"b": 2, "c": 3}
    assert bench.jobs.get(job).summary()["memo"] == {"b": 2, "c": 3}


def test_unknown_or_inactive_job_is_refused_as_such(bench):
    job = bench.submit(nodes=1)
    bench.finish(job)
    for number, text in ((job, "job is inactive"), (123, "unknown job")):
        for act in (
            lambda number=number: bench.jobs.set_urgency(number, 1),
            lambda number=number: bench.jobs.add_memo(number, {}),
            lambda number=number: bench.jobs.raise_exception(number, severity=0, kind="cancel", note=""),
        ):
            with pytest.raises(Refused, match=text) as refused:
                act()
            assert refused.value.number == errno.ENOENT


def test_urgency_of_a_running_job_or_out_of_range_is_refused(bench):
    running = bench.submit(nodes=1)
    waiting = bench.submit(nodes=1, attributes=("burstable",))
    with pytest.raises(Refused, match="once resources are allocated"):
        bench.jobs.set_urgency(running, 1)
    for urgency in (-1, 32):
        with pytest.raises(Refused, match="between 0 and 31"):
            bench.jobs.set_urgency(waiting, urgency)


def test_constraint_that_is_none_is_refused_at_submission(bench):
    with pytest.raises(Refused, match="unknown constraint operator"):
        bench.submit(nodes=1, attributes=('constraints={"likes": []}',))
    assert list(bench.jobs) == []


def test_ended_job_makes_room_for_the_next(bench):
    first, second = bench.submit(nodes=2), bench.submit(tasks=4)
    assert bench.ranks(second) == []
    bench.finish(first)
    assert bench.ranks(second) == [0, 1]
