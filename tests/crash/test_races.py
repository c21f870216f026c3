"""Two deliveries of one burst's requests at once: the other runs wholly before a call of the first, at each call."""

import itertools
import logging

import pytest
from tests.crash.tripwire import Tripwire
from tests.crash.world import World


@pytest.fixture(autouse=True)
def _quiet():
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def revisions(burst_request):
    """Give requests for one burst of 1, 2 and 4 nodes."""
    return [burst_request(size=size, revision=number) for number, size in enumerate((1, 2, 4), 1)]


@pytest.mark.parametrize("first_made", [0, 1], ids=["new", "growing"])
def test_burst_that_grows_is_never_made_smaller_by_an_older_request(revisions, keypair, first_made):
    """Pods that go take the jobs on them along, however soon they come back."""
    *earlier, older, newer = revisions[: first_made + 2]
    for at_call in itertools.count(1):
        world = World(keypair[1], Tripwire())
        world.run(earlier)
        came_so_far = world.race(older, newer, len(world.faults.calls) + at_call)
        if not came_so_far:
            break
        world.clock.sleep(60)
        (kubernetes,) = world.kubernetes.values()
        assert kubernetes.sizes == sorted(kubernetes.sizes), f"before call {at_call}: {world.faults.calls}"
        assert len(world.pods(newer)) == newer.size, f"before call {at_call}: {world.faults.calls}"
        assert "failed" not in world.kinds()
    assert at_call > 10
