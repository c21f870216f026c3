import json
import shutil
import subprocess

import pytest

from overspill_local.standin.cli import build_parser, build_submission
from overspill_local.standin.jobspec_writer import Submission, build_jobspec, parse_requires


def submission(**options):
    return Submission(**{"command": ("hostname",), "cwd": "/tmp", "environment": {}, **options})


@pytest.mark.parametrize(
    ("attribute", "place"),
    [
        ("burstable", {"system": {"burstable": 1}}),
        ("burstable=true", {"system": {"burstable": True}}),
        ("burstable=gke", {"system": {"burstable": "gke"}}),
        ("burstable.plugin=eks", {"system": {"burstable": {"plugin": "eks"}}}),
        ("system.x=[1]", {"system": {"x": [1]}}),
        ("user.burstable=1", {"user": {"burstable": 1}}),
    ],
)
def test_attribute_lands_where_flux_puts_it(attribute, place):
    attributes = build_jobspec(submission(attributes=(attribute,)))["attributes"]

    for table, values in place.items():
        assert values.items() <= attributes[table].items()


@pytest.mark.parametrize("attribute", ["", "a..b=1", "cwd.x=1"])
def test_attribute_that_is_none_is_refused(attribute):
    with pytest.raises(ValueError, match="--setattr"):
        build_jobspec(submission(attributes=(attribute,)))


def test_fewer_tasks_than_nodes_are_refused():
    with pytest.raises(ValueError, match="node count must not be greater than task count"):
        build_jobspec(submission(nodes=3, tasks=2))


@pytest.mark.parametrize(
    ("text", "constraint"),
    [
        ("burst", {"properties": ["burst"]}),
        ("-burst", {"not": [{"properties": ["burst"]}]}),
        ("host:lead-[0-1]", {"hostlist": ["lead-[0-1]"]}),
        ("rank:0-3 & -gpu", {"and": [{"ranks": ["0-3"]}, {"not": [{"properties": ["gpu"]}]}]}),
    ],
)
def test_requires_becomes_a_constraint(text, constraint):
    assert parse_requires(text) == constraint


@pytest.mark.parametrize("text", ["", "-", "a&"])
def test_requires_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="--requires"):
        parse_requires(text)


@pytest.mark.flux
@pytest.mark.skipif(shutil.which("flux") is None, reason="no `flux` on PATH: nothing to compare with")
@pytest.mark.parametrize(
    "options",
    [
        "-N4 --setattr=burstable",
        "-n8",
        "-N4 -n8 -c2 -g1 --requires=-burst",
        "-N2 -n3 --queue=burst --job-name=x",
        "-N1 --exclusive -n2",
        "-n2 --requires=host:lead-0&burst --setattr=user.a=1 --setattr=burstable.plugin=eks",
    ],
)
def test_jobspec_is_the_one_that_flux_writes(options):
    argv = [*options.split(), "--cwd=/tmp", "hostname", "-f"]
    dry_run = ["flux", "submit", "--dry-run", "--env=-*", *argv]
    theirs = json.loads(subprocess.run(dry_run, check=True, capture_output=True, timeout=20).stdout)
    del theirs["attributes"]["system"]["shell"]
    args = build_parser().parse_args(["submit", *argv])

    assert build_jobspec(build_submission(args, cwd="/", environment={})) == theirs
