import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_agent.simulate.swf import read_swf
from overspill_shared.errors import ConfigError

HEAD = """\
; Version: 2.2
; Computer: Intel iPSC/860
; Installation: NASA Ames Research Center
; Acknowledge: Bill Nitzberg
; MaxNodes: 128 (all of them)
; Note: not a key that is read
;
"""


def line(job=1, *, submit=0, run=60, allocated=4, requested=-1, limit=-1, status=1):
    return f"{job} {submit} -1 {run} {allocated} -1 -1 {requested} {limit} -1 {status} 1 1 -1 -1 -1 -1 -1"


def test_a_log_gives_its_jobs_and_whom_to_acknowledge():
    trace = read_swf((HEAD + line(7, submit=50) + "\n\n" + line(8, submit=40)).splitlines(), name="nasa")

    assert (trace.name, trace.nodes, trace.skipped) == ("nasa", 128, 0)
    assert trace.source == "Intel iPSC/860, NASA Ames Research Center, acknowledge Bill Nitzberg"
    assert [(job.jobid, job.submitted_at, job.nodes, job.run_s, job.limit_s) for job in trace.jobs] == [
        (8, 0, 4, 60, None),
        (7, 10, 4, 60, None),
    ]


def test_what_was_asked_for_counts_more_than_what_was_given():
    (job,) = read_swf([line(allocated=4, requested=6, limit=900)], name="log").jobs

    assert (job.nodes, job.limit_s) == (6, 900)


def test_processors_become_whole_nodes():
    jobs = read_swf([line(1, allocated=64), line(2, allocated=65)], name="log", processors_per_node=64).jobs

    assert [job.nodes for job in jobs] == [1, 2]


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(line(run=-1), id="never ran"),
        pytest.param(line(allocated=0), id="no size"),
        pytest.param(line(allocated=-1), id="unknown size"),
        pytest.param(line(submit=-1), id="unknown time"),
        pytest.param(line(status=3), id="a part of a job"),
    ],
)
def test_records_that_are_no_whole_job_are_counted(odd):
    trace = read_swf([line(1), odd], name="log")

    assert (len(trace.jobs), trace.skipped) == (1, 1)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("1 2 3", "log, line 2: a job has 18 numbers, this line has 3."),
        (line().replace(" 60 ", " sixty "), "log, line 2: 'sixty' is no number."),
        (line().replace(" 60 ", " inf "), "log, line 2: a number is not finite."),
    ],
)
def test_a_wrong_line_is_named(bad, says):
    with pytest.raises(ConfigError) as caught:
        read_swf(["; Version: 2.2", bad], name="log")

    assert caught.value.text == says
    assert "18 numbers" in caught.value.remedy


def test_a_job_number_stands_once():
    with pytest.raises(ConfigError, match="log, line 2: the job number 1 stands twice"):
        read_swf([line(1), line(1)], name="log")


@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(0, 10**5), st.integers(1, 10**4), st.integers(1, 10**5)),
        max_size=20,
    )
)
def test_numbers_come_back_as_they_were_written(rows):
    lines = [
        line(number, submit=submit, run=run, allocated=nodes, limit=limit)
        for number, (submit, run, nodes, limit) in enumerate(rows)
    ]
    first = min((row[0] for row in rows), default=0)

    found = {
        job.jobid: (job.submitted_at + first, job.run_s, job.nodes, job.limit_s)
        for job in read_swf(lines, name="log").jobs
    }

    assert found == dict(enumerate(rows))
