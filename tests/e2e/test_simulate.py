import json
import subprocess
import sys
import xml.etree.ElementTree as ET


def overspill(*arguments, cwd):
    argv = [sys.executable, "-m", "overspill_agent", *arguments]
    # Neither Flux nor an account: a bare environment.
    return subprocess.run(
        argv, capture_output=True, text=True, timeout=60, check=False, cwd=cwd, env={"COLUMNS": "120"}
    )


def test_a_trace_is_made_replayed_and_drawn_by_the_command_alone(tmp_path):
    made = overspill("trace", "office", "--seed", "4", "--jobs", "200", cwd=tmp_path)
    (tmp_path / "mine.jsonl").write_text(made.stdout)

    told = overspill("simulate", "mine.jsonl", "--json", "--plot", "waits.svg", cwd=tmp_path)

    assert (made.returncode, made.stderr, told.returncode, told.stderr) == (0, "", 0, "")
    never, always, even = json.loads(told.stdout)["policies"]
    assert [never["policy"], always["policy"], even["policy"]] == ["never", "always", "break-even"]
    assert never["cost_usd"] == 0 < even["cost_usd"]
    assert even["wait_p95_s"] <= never["wait_p95_s"]
    assert even["bursts_leaked"] == always["bursts_leaked"] == 0
    assert ET.parse(tmp_path / "waits.svg").getroot().tag.endswith("svg")


def test_failures_of_the_cloud_are_figures_and_no_noise(tmp_path):
    told = overspill("simulate", "wide", "--policy", "break-even", "--boot-failures", "0.5", "--json", cwd=tmp_path)

    (even,) = json.loads(told.stdout)["policies"]
    assert told.stderr == ""
    assert even["bursts_failed"] > 0 == even["bursts_leaked"]
