import gzip
from pathlib import Path

import pytest

from overspill_agent.simulate.generator import Recipe, generate
from overspill_agent.simulate.json_lines import write_json_lines
from overspill_agent.simulate.trace_files import EXAMPLES, load_trace
from overspill_shared.errors import ConfigError

SWF = "; MaxNodes: 4\n; Note: caf\xe9\n1 0 -1 60 2 -1 -1 -1 -1 -1 1 1 1 -1 -1 -1 -1 -1\n"


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_log_is_read_compressed_or_not(tmp_path, compress):
    file = tmp_path / "log.swf"
    file.write_bytes(compress(SWF.encode("latin-1")))

    trace = load_trace(file, processors_per_node=2)

    assert (trace.name, trace.nodes, [job.nodes for job in trace.jobs]) == ("log.swf", 4, [1])


def test_json_lines_are_told_by_their_beginning(tmp_path):
    file = tmp_path / "trace"
    file.write_text("".join(write_json_lines(generate(Recipe(shape="wide", seed=1, jobs=5)))))

    assert len(load_trace(file).jobs) == 5


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_read_by_its_name(name):
    trace = load_trace(Path(name))

    assert trace.name == name
    assert trace.jobs
    assert trace.slots


def test_a_file_counts_more_than_an_example_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("office").write_text(SWF)

    assert len(load_trace(Path("office")).jobs) == 1


@pytest.mark.parametrize("content", [None, gzip.compress(SWF.encode())[:-9]], ids=["missing", "cut short"])
def test_what_cannot_be_read_is_named(tmp_path, content):
    file = tmp_path / "log.swf"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigError, match="office, campaign, wide") as caught:
        load_trace(file)

    assert str(file) in caught.value.text


@pytest.mark.parametrize("content", ["", "; MaxNodes: 4\n", '{"overspill_trace": 1, "nodes": 4}\n'])
def test_a_trace_without_a_job_is_refused(tmp_path, content):
    file = tmp_path / "log.swf"
    file.write_text(content)

    with pytest.raises(ConfigError, match="has no job that ran"):
        load_trace(file)
