import io
import json

from rich.console import Console

from overspill_agent.doctor import report
from overspill_agent.doctor.finding import Finding

CONFIG = '[ingest.frobnicator]\nplugins = ["[bold]", "defaults"]\n'
ERROR = Finding.error("frobnicator", "It is [not] there.", remedy="Put it there.", config=CONFIG)
WARNING = Finding.warning("queues", "There are none.", remedy="Declare two.")
FINDINGS = (Finding.ok("slots", "All is well."), WARNING, ERROR, Finding.skipped("pubsub", "no project"))


def shown(findings, width=100):
    stream = io.StringIO()
    report.show(Console(file=stream, width=width), findings)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_show_gives_sign_remedy_and_the_configuration_to_copy():
    lines = shown(FINDINGS)

    assert lines[0].split(maxsplit=2) == ["✓", "slots", "All is well."]
    assert lines[1].split(maxsplit=2) == ["⚠", "queues", "There are none."]
    assert lines[2].strip() == "→ Declare two."
    assert lines[3].split(maxsplit=2) == ["✗", "frobnicator", "It is [not] there."]
    assert [line.strip() for line in lines[4:7]] == ["→ Put it there.", *CONFIG.splitlines()]
    assert lines[7].split(maxsplit=2) == ["-", "pubsub", "no project"]


def test_show_keeps_configuration_whole_on_a_narrow_terminal():
    config = f'[ingest.frobnicator]\nplugins = ["/{"x" * 80}", "defaults"]\n'
    lines = shown((Finding.error("frobnicator", "It is not there.", remedy="Put it there.", config=config),), width=40)

    assert [line.strip() for line in lines[-2:]] == config.splitlines()


def test_json_has_every_finding_and_their_counts():
    content = json.loads(json.dumps(report.as_json(FINDINGS)))

    assert content["counts"] == {"ok": 1, "warning": 1, "error": 1, "skipped": 1}
    assert content["findings"][2] == {
        "code": "frobnicator",
        "severity": "error",
        "text": "It is [not] there.",
        "remedy": "Put it there.",
        "config": CONFIG,
    }


def test_exit_code_is_1_for_errors_alone():
    assert report.exit_code(FINDINGS) == 1
    assert report.exit_code(item for item in FINDINGS if item is not ERROR) == 0
    assert report.exit_code(()) == 0


def test_summary_counts_in_english():
    assert report.summary(FINDINGS) == "1 error, 1 warning"
    assert report.summary((ERROR, ERROR)) == "2 errors, 0 warnings"
