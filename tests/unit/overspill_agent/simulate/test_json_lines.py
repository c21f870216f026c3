import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_agent.simulate.json_lines import is_json_lines, read_json_lines, write_json_lines
from overspill_agent.simulate.trace import Trace, TraceJob
from overspill_shared.errors import ConfigError

HEAD = '{"overspill_trace": 1, "nodes": 8}'
JOB = '{"id": 1, "submitted_at": 0, "nodes": 2, "run_s": 60}'

seconds = st.floats(0, 1e9)
jobs = st.lists(
    st.builds(
        TraceJob,
        jobid=st.integers(0, 10**9),
        submitted_at=seconds,
        nodes=st.integers(1, 100_000),
        run_s=seconds,
        limit_s=st.none() | st.floats(1, 1e9),
        is_burstable=st.booleans(),
    ),
    unique_by=lambda job: job.jobid,
    max_size=10,
)


@given(
    jobs,
    st.none() | st.integers(1, 100_000),
    st.dictionaries(st.from_regex("[a-z][a-z0-9]{0,8}", fullmatch=True), st.integers(1, 1000), max_size=3),
    st.none() | st.floats(0, 100),
    st.text(max_size=20),
)
def test_a_trace_comes_back_as_it_was_written(jobs, nodes, slots, price, source):
    first = min((job.submitted_at for job in jobs), default=0.0)
    trace = Trace(name="t", jobs=tuple(jobs), nodes=nodes, slots=slots, price_usd_per_h=price, source=source)

    again = read_json_lines(write_json_lines(trace), name="t")

    assert (again.nodes, again.slots, again.price_usd_per_h, again.source) == (nodes, slots, price, source)
    assert {job.jobid: (job.nodes, job.run_s, job.limit_s, job.is_burstable) for job in again.jobs} == {
        job.jobid: (job.nodes, job.run_s, job.limit_s, job.is_burstable) for job in jobs
    }
    assert [job.submitted_at for job in again.jobs] == sorted(job.submitted_at - first for job in jobs)


def test_comments_and_empty_lines_are_passed_over():
    assert len(read_json_lines(["# made by hand", HEAD, "", JOB], name="t").jobs) == 1


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "t, line 1: "),
        (['{"overspill_trace": 2}'], "t, line 1: overspill_trace: "),
        ([HEAD, "{"], "t, line 2: "),
        ([HEAD, "", JOB.replace("run_s", "run")], "t, line 3: run_s: Field required"),
        ([HEAD, JOB.replace('"nodes": 2', '"nodes": 0')], "t, line 2: nodes: "),
        ([HEAD, JOB.replace("}", ', "colour": 1}')], "t, line 2: colour: "),
        ([HEAD, JOB.replace("60", "NaN")], "t, line 2: "),
        ([HEAD, JOB, JOB], "t, line 3: the id 1 stands twice."),
    ],
)
def test_a_wrong_line_is_named_with_its_key(lines, says):
    with pytest.raises(ConfigError) as caught:
        read_json_lines(lines, name="t")

    assert caught.value.text.startswith(says)
    assert "docs/simulate.md" in caught.value.remedy


def test_json_is_told_from_the_standard_workload_format():
    assert is_json_lines(f"\n{HEAD}")
    assert not is_json_lines("; Version: 2.2")
    assert not is_json_lines("1 0 -1")
