import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_shared.allocatable import allocatable_cpus, allocatable_memory_mib, logical_cpus
from overspill_shared.templates import NodeShape


def shape(machine_type, cores, **more):
    return NodeShape(machine_type=machine_type, cores=cores, memory_mib=1024, zones=("us-central1-a",), **more)


@pytest.mark.parametrize(
    ("node", "cpus"),
    [
        (shape("c2-standard-60", 30), 60),
        (shape("c2-standard-60", 30, threads_per_core=1), 30),
        (shape("h3-standard-88", 88), 88),
        (shape("a2-highgpu-1g", 6, gpus=1), 6),
        (shape("rack-40", 8), 8),
    ],
    ids=["two threads a core", "SMT off", "one thread a core", "nothing in the name", "another's machine"],
)
def test_logical_cpus_are_two_a_core_only_where_that_is_certain(node, cpus):
    assert logical_cpus(node) == cpus


@pytest.mark.parametrize(
    ("memory_mib", "allocatable"),
    # 25 % of 4 GiB, 20 % of the next 4, 10 % of the next 8, 6 % above; and 100 MiB for eviction.
    [(4096, 2972), (8192, 6248), (32_768, 29_022)],
)
def test_allocatable_memory_is_google_s(memory_mib, allocatable):
    assert allocatable_memory_mib(memory_mib) == pytest.approx(allocatable, abs=1)


@given(st.integers(1, 512), st.integers(2048, 16_000_000))
def test_allocatable_is_less_than_a_node_has_and_more_than_half_of_it(cpus, memory_mib):
    assert cpus * 0.9 < allocatable_cpus(cpus) < cpus
    assert memory_mib * 0.5 < allocatable_memory_mib(memory_mib) < memory_mib
