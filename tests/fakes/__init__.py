"""In-memory ports of the cloud's side, on a clock that only sleeping moves.

The contract tests in tests/contract hold them to the real adapters. They are for what needs thousands of runs, or a
cloud that fails in a given place; everything else uses the embedded cloud.
"""

from tests.fakes.clock import NOW, FakeClock
from tests.fakes.clusters import FakeClusters
from tests.fakes.faults import Faults, Interrupted
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.publisher import RecordingPublisher

__all__ = ["NOW", "FakeClock", "FakeClusters", "FakeKubernetes", "Faults", "Interrupted", "RecordingPublisher"]
