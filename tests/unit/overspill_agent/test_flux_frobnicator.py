from __future__ import annotations

import argparse
import runpy
import subprocess
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_agent import flux_frobnicator
from overspill_agent.flux_frobnicator import Frobnicator

CONFIG = {"queues": {"local": {}, "burst": {}, "cloud": {}}}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["system", "queue", "x"]), inner),
    max_leaves=6,
)


def configured(*argv, config=CONFIG):
    parser = argparse.ArgumentParser()
    plugin = Frobnicator(parser)
    plugin.configure(parser.parse_args(argv), config)
    return plugin


def frobbed(plugin, **system):
    spec = {"attributes": {"system": system}}
    plugin.frob(SimpleNamespace(jobspec=spec), 1000, 16, 0)
    return spec["attributes"]["system"]


@pytest.mark.parametrize("mark", [1, True, "gke", {"plugin": "eks"}])
def test_burstable_job_without_a_queue_goes_to_the_burst_queue(mark):
    assert frobbed(configured(), burstable=mark)["queue"] == "burst"


@pytest.mark.parametrize("system", [{}, {"burstable": 0}, {"burstable": False}, {"burstable": ""}, {"burstable": None}])
def test_job_that_is_not_marked_is_left_alone(system):
    assert frobbed(configured(), **system) == system


def test_burstable_job_that_names_a_queue_keeps_it():
    assert frobbed(configured(), burstable=1, queue="local")["queue"] == "local"


def test_queue_by_another_name_is_an_option():
    assert frobbed(configured("--burst-queue=cloud"), burstable=1)["queue"] == "cloud"


@pytest.mark.parametrize("config", [{}, {"queues": {"local": {}}}, {"queues": None}, None])
def test_instance_without_that_queue_keeps_its_jobs_as_they_are(config):
    assert frobbed(configured(config=config), burstable=1) == {"burstable": 1}


def test_plugin_that_was_not_configured_changes_nothing():
    assert frobbed(Frobnicator(argparse.ArgumentParser()), burstable=1) == {"burstable": 1}


@given(json_values)
def test_strange_attributes_are_never_an_error(value):
    for spec in (value, {"attributes": value}, {"attributes": {"system": value}}):
        configured().frob(SimpleNamespace(jobspec=spec), 1000, 16, 0)


def test_object_that_is_no_jobspec_is_never_an_error():
    configured().frob(None, 1000, 16, 0)


def test_file_alone_is_enough_for_a_python_that_knows_nothing_of_overspill():
    namespace = runpy.run_path(flux_frobnicator.__file__)
    imported = subprocess.run(
        [sys.executable, "-I", "-S", flux_frobnicator.__file__], capture_output=True, text=True, timeout=20, check=False
    )

    assert namespace["Frobnicator"].__name__ == "Frobnicator"
    assert (imported.returncode, imported.stderr) == (0, "")
