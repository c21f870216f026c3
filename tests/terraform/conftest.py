import functools

import pytest
from tests.terraform.offline import MODULE, VARIABLES, plan_document
from tests.terraform.plan_walk import Plan


@pytest.fixture(scope="session")
def plan_with(tmp_path_factory):
    """Give a factory of plans of the module: VARIABLES with changes; a plan that was made is not made again."""

    @functools.cache
    def cached(changes):
        return Plan(plan_document(tmp_path_factory.mktemp("plan"), MODULE, {**VARIABLES, **dict(changes)}))

    return lambda **changes: cached(tuple(sorted(changes.items())))


@pytest.fixture(scope="session")
def plan(plan_with):
    """Give the plan of a deployment with something of everything."""
    return plan_with()
