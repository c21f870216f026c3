import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_local.standin.jobid import format_f58, next_jobid, parse_jobid


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_jobid_written_either_way_is_read_back(jobid):
    assert parse_jobid(format_f58(jobid)) == parse_jobid(str(jobid)) == jobid


@pytest.mark.parametrize("text", ["", "ƒ", "ƒ0", "x12", "-1", "ƒ1l"])
def test_jobid_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="no job id"):
        parse_jobid(text)


@given(st.lists(st.floats(min_value=0, max_value=1e9), min_size=2))
def test_jobids_grow_whatever_the_clock_does(times):
    jobid, given_out = 0, []
    for now in times:
        jobid = next_jobid(now, 5.0, jobid)
        given_out.append(jobid)

    assert given_out == sorted(set(given_out))
