"""In-memory ports of the cloud's side, as fixtures."""

import pytest
from tests.fakes import FakeClock, FakeClusters, FakeKubernetes, Faults, Interrupted, RecordingPublisher


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def faults():
    return Faults()


@pytest.fixture
def publisher(faults):
    return RecordingPublisher(faults)


@pytest.fixture
def clusters(clock, faults):
    return FakeClusters(clock, faults)


@pytest.fixture
def kubernetes(clock, faults):
    return FakeKubernetes(clock, faults)


@pytest.fixture
def interrupted():
    """Give the exception of a killed instance."""
    return Interrupted
