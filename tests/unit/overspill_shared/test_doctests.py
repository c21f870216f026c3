import doctest

import pytest

from overspill_shared import allocatable, hostlist, idset, names, pods, wording


@pytest.mark.parametrize(
    "module", [allocatable, hostlist, idset, names, pods, wording], ids=lambda module: module.__name__
)
def test_examples_in_docstrings_hold(module):
    result = doctest.testmod(module)

    assert result.attempted > 0
    assert result.failed == 0
