import pytest

from overspill_local.standin.protocol import Refused


def test_present_state_is_told_with_the_history_last(bench):
    job = bench.submit(nodes=1)
    present = list(bench.instance.present())

    assert present[:3] == [
        {"kind": "online", "ranks": "0-1"},
        {"kind": "torpid", "ranks": ""},
        {"kind": "drained", "ranks": ""},
    ]
    assert [event["name"] for event in present[3:-1]] == bench.names(job)
    assert present[-1] == {"kind": "history-replayed"}


def test_joining_and_losing_ranks_is_told(bench):
    bench.events.clear()
    bench.instance.rank_joined(4)
    bench.instance.rank_lost(4)

    assert bench.events == [{"kind": "online", "ranks": "0-1,4"}, {"kind": "online", "ranks": "0-1"}]


def test_torpid_rank_gets_no_work_and_keeps_what_it_has(bench):
    running = bench.submit(nodes=2)
    bench.start(running)
    bench.events.clear()
    bench.instance.set_torpid(frozenset({1}))
    bench.instance.set_torpid(frozenset({1}))
    assert bench.events == [{"kind": "torpid", "ranks": "1"}]
    bench.finish(running)
    waiting = bench.submit(nodes=2)
    assert bench.ranks(waiting) == []
    bench.instance.set_torpid(frozenset())
    assert bench.ranks(waiting) == [0, 1]


def test_rank_that_is_lost_is_torpid_no_more(bench):
    bench.instance.set_torpid(frozenset({1}))
    bench.instance.rank_lost(1)

    assert bench.events[-1] == {"kind": "torpid", "ranks": ""}


def test_drained_rank_gets_no_work_and_keeps_its_first_reason(bench):
    bench.instance.drain(frozenset({0}), "first")
    bench.instance.drain(frozenset({0, 3}), "second")
    assert bench.instance.ranks.drained == {0: "first", 3: "second"}
    job = bench.submit(nodes=1)
    assert bench.ranks(job) == [1]
    waiting = bench.submit(nodes=1)
    bench.instance.undrain(frozenset({0, 5}))

    assert bench.ranks(waiting) == [0]
    assert bench.instance.ranks.drained == {3: "second"}


def test_ranks_that_are_not_declared_are_refused(bench):
    for change in (lambda: bench.instance.drain(frozenset({6}), ""), lambda: bench.instance.undrain(frozenset({6}))):
        with pytest.raises(Refused, match="out of range"):
            change()


def test_kvs_is_looked_up_by_prefix_and_changed_at_once(bench):
    bench.instance.kvs_commit({"overspill.a": 1, "overspill.b": {"c": 2}, "other.a": 3})
    bench.instance.kvs_commit({"overspill.a": None, "overspill.z": 0, "never": None})

    assert bench.instance.kvs_lookup("overspill.") == {"overspill.b": {"c": 2}, "overspill.z": 0}


def test_kvs_is_on_disk_after_each_commit(make_bench, tmp_path):
    first = make_bench(statedir=tmp_path)
    for value in (1, 2):
        first.instance.kvs_commit({"overspill.a": value})
        assert make_bench(statedir=tmp_path).instance.kvs_lookup("") == {"overspill.a": value}


def test_drained_ranks_are_on_disk_after_each_change(make_bench, tmp_path):
    first = make_bench(statedir=tmp_path)
    first.instance.drain(frozenset({4}), "leaving")
    assert make_bench(statedir=tmp_path).instance.ranks.drained == {4: "leaving"}
    first.instance.undrain(frozenset({4}))
    assert make_bench(statedir=tmp_path).instance.ranks.drained == {}


def test_job_ids_never_come_twice_over_a_restart(make_bench, tmp_path):
    first = make_bench(statedir=tmp_path)
    first.instance.kvs_commit({"overspill.a": 1})
    job = first.submit(nodes=1)
    second = make_bench(statedir=tmp_path)
    second.now = first.now

    assert second.submit(nodes=1) > job


def test_shutdown_cancels_what_runs_and_nothing_else(bench):
    running = bench.submit(nodes=1)
    waiting = bench.submit(nodes=1, attributes=("burstable",))
    assert bench.instance.is_busy()
    bench.instance.cancel_running()

    assert bench.launcher.killed == [(0, running)]
    assert "exception" not in bench.names(waiting)
    bench.finish(running)
    assert not bench.instance.is_busy()


def test_journal_never_has_the_environment(bench):
    job = bench.submit(nodes=1, environment={"TOKEN": "canary"})

    assert "canary" not in str(bench.events)
    assert "canary" not in str(bench.jobs.get(job).summary())
    assert bench.launcher.orders[job, 0]["environment"] == {"TOKEN": "canary"}


def test_facts_describe_what_is_declared(bench):
    facts = bench.instance.facts()

    assert facts["hosts"] == [f"lead-{i}" for i in range(2)] + [f"burst-0-{i}" for i in range(4)]
    assert facts["resources"][5] == {"rank": 5, "cores": 2, "gpus": 0, "properties": ["burst"]}
