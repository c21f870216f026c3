import xml.etree.ElementTree as ET

from tests.unit.overspill_agent.simulate.replays import job

from overspill_agent.simulate.outcomes import End, JobOutcome, Run
from overspill_agent.simulate.plot import POINTS, draw
from overspill_agent.simulate.report import summarise

SVG = "{http://www.w3.org/2000/svg}"


def result(policy, waits):
    outcomes = tuple(
        JobOutcome(job=job(number), end=End.DONE, started_at=float(wait), ended_at=wait + 100.0)
        for number, wait in enumerate(waits)
    )
    run = Run(policy=policy, jobs=outcomes, bursts=(), turns=0)
    return run, summarise(run, 0.5)


def lines_of(drawing):
    for line in ET.fromstring(drawing).iter(f"{SVG}polyline"):
        yield [tuple(map(float, point.split(","))) for point in line.get("points").split()]


def test_each_policy_has_a_line_that_rises_from_left_to_right():
    drawing = draw("nasa", [result("never", range(0, 90_000, 100)), result("always", [5, 0, 700])])

    never, always = lines_of(drawing)
    assert len(never) == POINTS + 1
    assert len(always) == 3
    for line in (never, always):
        assert line == sorted(line, key=lambda point: (point[0], -point[1]))
        assert line[-1][1] == min(y for _, y in line)


def test_a_longer_wait_lies_further_to_the_right():
    drawing = draw("t", [result("a", [10]), result("b", [1000])])

    (a,), (b,) = lines_of(drawing)
    assert a[0] < b[0]


def test_texts_are_escaped_and_the_legend_has_the_figures():
    drawing = draw("<log> & co", [result("break-even:a=<b>", [120])])

    texts = [text.text for text in ET.fromstring(drawing).iter(f"{SVG}text")]
    assert "<log> & co" in texts
    assert any(text.startswith("break-even:a=<b>: p95 wait 2 min") for text in texts)


def test_a_policy_under_which_nothing_started_has_an_empty_line():
    drawing = draw("t", [result("never", []), result("always", [60])])

    assert [len(line) for line in lines_of(drawing)] == [0, 1]
