import doctest

import pytest

from overspill_local import pod_hostname
from overspill_local.standin import jobid, jobspec_writer, resources


@pytest.mark.parametrize("module", [jobid, jobspec_writer, resources, pod_hostname], ids=lambda module: module.__name__)
def test_examples_in_docstrings_are_true(module):
    result = doctest.testmod(module)

    assert result.attempted
    assert not result.failed
