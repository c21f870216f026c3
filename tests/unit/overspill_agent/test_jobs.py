import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.overspill_agent.examples import make_jobspec

from overspill_agent.jobs import WHOLE, JobTable, held_resources, updated_jobspec
from overspill_agent.ports import JobEvent

MARKED = make_jobspec(4)
PLAIN = make_jobspec(4, burstable=None)


def happened(name, jobid=1, *, at=1.0, jobspec=None, ranks=None, **context):
    resources = None if ranks is None else {"execution": {"R_lite": [{"rank": ranks, "children": {"core": "0"}}]}}
    return JobEvent(jobid=jobid, name=name, at=at, context=context, jobspec=jobspec, R=resources)


def submit(jobid=1, jobspec=MARKED, **context):
    return happened("submit", jobid, jobspec=jobspec, **context)


def waiting(jobid=1, jobspec=MARKED):
    return [submit(jobid, jobspec, urgency=16), happened("depend", jobid), happened("priority", jobid, priority=16)]


def table_after(*events):
    table = JobTable(owner_uid=1000)
    for event in events:
        table.apply(event)
    return table


ENDED = [
    *waiting(),
    happened("alloc", ranks="0-1"),
    *(happened(name) for name in ("start", "finish", "release", "free", "clean")),
]
SEQUENCES = [
    pytest.param([submit(urgency=16)], [], [], id="just submitted: nobody knows whether it may run"),
    pytest.param([submit(urgency=16), happened("depend")], [], [], id="without a priority yet"),
    pytest.param(waiting(), [1], [], id="waiting"),
    pytest.param([submit(urgency=1), happened("priority", priority=1)], [1], [], id="waiting with the least priority"),
    pytest.param(waiting(jobspec=PLAIN), [1], [], id="not marked: it stands in the queue all the same"),
    pytest.param([happened("submit")], [], [], id="without a jobspec"),
    pytest.param([submit(urgency=0), happened("priority", priority=0)], [], [], id="held at submission"),
    pytest.param([*waiting(), happened("urgency", urgency=0), happened("priority", priority=0)], [], [], id="held"),
    pytest.param(
        [submit(urgency=0), happened("priority", priority=0), happened("priority", priority=16)], [1], [], id="released"
    ),
    pytest.param([*waiting(), happened("alloc", ranks="0-1")], [], [0, 1], id="started"),
    pytest.param([*waiting(jobspec=PLAIN), happened("alloc", ranks="0")], [], [0], id="not marked, started"),
    pytest.param([*waiting(), happened("alloc")], [], [], id="started on nothing that is told"),
    pytest.param([*waiting(), happened("alloc", ranks="0"), happened("free")], [], [], id="freed"),
    pytest.param([*waiting(), happened("alloc", ranks="0"), happened("clean")], [], [], id="cleaned without free"),
    pytest.param([*waiting(), happened("exception", severity=0)], [], [], id="cancelled while it waited"),
    pytest.param([*waiting(), happened("exception", severity=2)], [1], [], id="a remark is no end"),
    pytest.param([*waiting(), happened("exception")], [1], [], id="an exception that tells no severity"),
    pytest.param(
        [*waiting(), happened("alloc", ranks="0"), happened("exception", severity=0)],
        [],
        [0],
        id="cancelled while it runs: it holds its ranks until they are freed",
    ),
    pytest.param([*waiting(), happened("clean")], [], [], id="cleaned while it waited"),
    pytest.param(ENDED, [], [], id="history of a job that ended"),
    pytest.param([*ENDED, *ENDED], [], [], id="the same history twice"),
    pytest.param([*waiting(7), *waiting(3), *waiting(5)], [7, 3, 5], [], id="in the order of submission"),
    pytest.param(
        [*waiting(), happened("flux-restart"), happened("priority", priority=16)], [1], [], id="lead restarted"
    ),
]


LOWERED = [*waiting(), happened("memo", overspill={"lowered_from": 16}), happened("urgency", urgency=1)]


@pytest.mark.parametrize(
    ("events", "lowering", "lowered_from"),
    [
        pytest.param(waiting(), "none", None, id="as it was submitted"),
        pytest.param([*waiting(), happened("urgency", urgency=1)], "none", None, id="lowered by its user"),
        pytest.param(LOWERED[:-1], "intended", 16, id="noted, and not lowered: a crash lay between"),
        pytest.param(LOWERED, "done", 16, id="lowered by us"),
        pytest.param(
            [*LOWERED, happened("memo", overspill={"state": "ACTIVE"})], "done", 16, id="another memo of ours"
        ),
        pytest.param([*LOWERED, happened("memo", overspill="x")], "done", 16, id="a memo that is not ours"),
        pytest.param([*LOWERED, happened("urgency", urgency=20)], "overruled", 16, id="its user raised it again"),
        pytest.param(
            [*LOWERED, happened("urgency", urgency=20), happened("urgency", urgency=1)],
            "overruled",
            16,
            id="its user changed it twice",
        ),
        pytest.param(
            [*LOWERED, happened("urgency", urgency=16), happened("memo", overspill={"lowered_from": None})],
            "none",
            None,
            id="restored by us",
        ),
    ],
)
def test_table_knows_whose_a_jobs_urgency_is(events, lowering, lowered_from):
    (job,) = table_after(*events).pending

    assert (job.lowering, job.lowered_from) == (lowering, lowered_from)


@pytest.mark.parametrize(("events", "pending", "allocated"), SEQUENCES)
def test_table_after_events_knows_who_waits_and_what_is_held(events, pending, allocated):
    table = table_after(*events)

    assert [job.jobid for job in table.pending] == pending
    assert table.allocated == set(allocated)


@pytest.mark.parametrize(
    ("before", "event", "matters"),
    [
        pytest.param([], submit(urgency=16), False, id="submit"),
        pytest.param([submit(urgency=16)], happened("priority", priority=16), True, id="may run now"),
        pytest.param([submit(urgency=16)], happened("priority", priority=0), False, id="still held"),
        pytest.param([submit(urgency=1)], happened("priority", priority=1), True, id="may run now, last of all"),
        pytest.param(waiting(), happened("priority", priority=0), True, id="held"),
        pytest.param(
            [submit(urgency=1), happened("priority", priority=1)],
            happened("priority", priority=0),
            True,
            id="last, held",
        ),
        pytest.param(waiting(), happened("urgency", urgency=1), True, id="urgency of one that waits"),
        pytest.param([], happened("urgency", urgency=1), False, id="urgency of another"),
        pytest.param([], happened("priority", priority=9), False, id="priority of another"),
        pytest.param([], happened("jobspec-update"), False, id="update of another"),
        pytest.param([], happened("alloc", ranks="0"), True, id="alloc"),
        pytest.param([happened("alloc", ranks="0")], happened("free"), True, id="free"),
        pytest.param([], happened("free"), False, id="free of nothing"),
        pytest.param([happened("alloc", ranks="0"), happened("free")], happened("clean"), False, id="clean after free"),
        pytest.param(waiting(), happened("clean"), True, id="clean of one that waited"),
        pytest.param(waiting(), happened("exception", severity=0), True, id="fatal exception"),
        pytest.param([], happened("exception", severity=0), False, id="fatal exception of another"),
        pytest.param(waiting(), happened("exception", severity=2), False, id="remark"),
        pytest.param(waiting(), happened("memo"), False, id="memo"),
        pytest.param(waiting(), happened("start"), False, id="start"),
    ],
)
def test_apply_tells_whether_a_decision_could_change(before, event, matters):
    assert table_after(*before).apply(event) is matters


def test_pending_job_holds_what_decisions_need():
    (job,) = table_after(*waiting(jobspec=make_jobspec(3))).pending

    assert (job.jobid, job.submitted_at, job.urgency, job.priority, job.problem) == (1, 1.0, 16, 16, "")
    assert job.demand.units == 3
    assert job.jobspec == make_jobspec(3)


def test_submit_without_urgency_has_the_default():
    (job,) = table_after(submit(), happened("priority", priority=16)).pending

    assert job.urgency == 16


def test_urgency_changes_it_and_nothing_else():
    (before,) = table_after(*waiting()).pending
    (after,) = table_after(*waiting(), happened("urgency", urgency=1)).pending

    assert after.urgency == 1
    assert (after.demand, after.priority, after.submitted_at) == (before.demand, 16, before.submitted_at)


@pytest.mark.parametrize(
    ("resources", "problem"),
    [
        ([], "one vertex"),
        ([{"type": "node"}], "one slot"),
        (["node"], "get"),
        ([{"type": "slot", "with": 5}], "iterable"),
    ],
    ids=["empty", "no slot", "vertex is a text", "children are a number"],
)
def test_submit_of_an_unreadable_jobspec_keeps_the_problem(resources, problem):
    (job,) = table_after(*waiting(jobspec={**MARKED, "resources": resources})).pending

    assert job.demand is None
    assert problem in job.problem


def test_jobspec_update_to_another_queue_is_read_anew():
    local = make_jobspec(4, queue="local", constraints={"properties": ["^burst"]})
    change = {"attributes.system.queue": "burst", "attributes.system.constraints": {"properties": ["burst"]}}
    update = JobEvent(jobid=1, name="jobspec-update", at=2.0, context=change)

    (job,) = table_after(*waiting(jobspec=local), update).pending

    assert (job.demand.queue, job.demand.constraint) == ("burst", {"properties": ["burst"]})
    assert local["attributes"]["system"]["queue"] == "local"


def test_jobspec_update_that_cannot_be_read_keeps_the_problem():
    update = JobEvent(jobid=1, name="jobspec-update", at=2.0, context={"attributes.system.constraints": {"x": []}})

    (job,) = table_after(*waiting(), update).pending

    assert job.demand is None
    assert "'x'" in job.problem


@pytest.mark.parametrize(
    ("jobspec", "changes", "expected"),
    [
        ({"a": 1}, {}, {"a": 1}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a.b": 3}, {"a": {"b": 3, "c": 2}}),
        ({}, {"a.b.c": 1, "a.b.d": 2}, {"a": {"b": {"c": 1, "d": 2}}}),
        ({"a": 1}, {"a.b": 2}, {"a": {"b": 2}}),
    ],
    ids=["nothing", "top", "nested", "new tables", "a value becomes a table"],
)
def test_updated_jobspec_follows_the_paths(jobspec, changes, expected):
    assert updated_jobspec(jobspec, changes) == expected


def test_ranks_of_a_job_are_those_that_it_holds():
    table = table_after(
        happened("alloc", 1, ranks="0-1"), happened("alloc", 2, ranks="2"), happened("alloc", 3, ranks="1,5")
    )

    assert table.ranks_of(3) == {1, 5}
    assert table.ranks_of(99) == frozenset()


@given(st.permutations([{"rank": "2-5"}, {"rank": "0-1"}, {"rank": "7"}, {"rank": 9}]))
def test_held_resources_of_r_lite_in_any_order_are_the_same(entries):
    held = held_resources({"execution": {"R_lite": entries}})

    assert set(held) == {0, 1, 2, 3, 4, 5, 7, 9}
    assert set(held.values()) == {(WHOLE, 0)}


@pytest.mark.parametrize("resources", [{}, {"execution": None}, {"execution": {}}, {"execution": {"R_lite": None}}])
def test_held_resources_of_an_empty_r_are_none(resources):
    assert held_resources(resources) == {}


LIVES = [
    ENDED,
    [*waiting(), happened("exception", severity=0), happened("clean")],
    [submit(urgency=0), happened("priority", priority=0), happened("exception", severity=0), happened("clean")],
    [*waiting(jobspec=PLAIN), happened("alloc", ranks="3"), happened("exception", severity=0), happened("clean")],
]


@given(st.lists(st.sampled_from(LIVES), max_size=5), st.randoms(use_true_random=False))
def test_history_of_ended_jobs_mixed_in_any_order_leaves_nothing(lives, random):
    queues = [
        [JobEvent(jobid=jobid, name=e.name, at=e.at, context=e.context, jobspec=e.jobspec, R=e.R) for e in life]
        for jobid, life in enumerate(lives)
    ]
    order = list(itertools.chain.from_iterable([queue] * len(queue) for queue in queues))
    random.shuffle(order)

    table = table_after(*(queue.pop(0) for queue in order))

    assert table.pending == ()
    assert table.allocated == frozenset()


@pytest.mark.parametrize(("submitted", "is_own"), [({"userid": 1000}, True), ({"userid": 1001}, False)])
def test_job_is_its_submitters(submitted, is_own):
    table = table_after(submit(urgency=16, **submitted), happened("priority", priority=16))

    (job,) = table.pending
    assert job.is_own is is_own


@pytest.mark.parametrize(
    ("updates", "duration_s"),
    [
        ([], 60.0),
        ([{"expiration": 601.0}], 600.0),
        ([{"expiration": 601.0}, {"expiration": 0.0}], None),
        ([{"expiration": None}, {}], 60.0),
    ],
    ids=["its own", "a longer one", "none any more", "not of its limit"],
)
def test_running_job_has_the_limit_that_it_was_given_last(updates, duration_s):
    events = [*waiting(jobspec=make_jobspec(1, duration=60)), happened("alloc", ranks="0", at=1.0)]

    table = table_after(*events, *(happened("resource-update", **context) for context in updates))

    (job,) = table.running
    assert job.duration_s == duration_s


def test_limit_of_a_job_that_does_not_run_changes_nothing():
    table = JobTable(owner_uid=1000)

    assert not table.apply(happened("resource-update", expiration=600.0))
    assert table.running == ()


MEANT = happened("memo", overspill={"lowered_from": 16})
LOWERED = [*waiting(), MEANT, happened("urgency", urgency=1)]


@pytest.mark.parametrize(
    ("events", "wished", "may_be_lowered", "is_lowered"),
    [
        pytest.param(waiting(), 16, True, False, id="nobody touched it"),
        pytest.param([*waiting(), happened("urgency", urgency=1)], 1, False, False, id="its user wants the lowest"),
        pytest.param([*waiting(), happened("urgency", urgency=2)], 2, True, False, id="its user wants a low one"),
        pytest.param([*waiting(), MEANT], 16, True, False, id="we mean to lower it"),
        pytest.param(LOWERED, 16, False, True, id="we have lowered it"),
        pytest.param([*LOWERED, happened("urgency", urgency=20)], 20, False, False, id="somebody overruled us"),
        pytest.param(
            [*LOWERED, happened("urgency", urgency=16), happened("memo", overspill={"lowered_from": None})],
            16,
            True,
            False,
            id="it has its own back",
        ),
    ],
)
def test_urgency_that_we_lowered_is_told_from_its_users(events, wished, may_be_lowered, is_lowered):
    (job,) = table_after(*events).pending

    assert (job.wished_urgency, job.may_be_lowered, job.is_lowered) == (wished, may_be_lowered, is_lowered)
