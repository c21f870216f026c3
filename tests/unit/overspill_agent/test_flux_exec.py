import pytest

from overspill_agent.flux_exec import output_of

DONE = {"type": "finished", "status": 0}


def wrote(data):
    return {"type": "output", "io": {"stream": "stdout", "rank": "4", **data}}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([{"type": "started", "pid": 7}, wrote({"data": "a"}), DONE, wrote({"data": "b"}), wrote({"eof": True})], "ab"),
        ([{"type": "started", "pid": 7}, DONE], ""),
        ([wrote({"data": "a"}), {"type": "finished", "status": 256}], None),
        ([{"type": "started", "pid": 7}], None),
        ([], None),
    ],
    ids=["output, some after the end", "no output", "failed", "never finished", "never started"],
)
def test_output_of_a_command_is_what_it_wrote_if_it_succeeded(answers, expected):
    assert output_of(answers) == expected
