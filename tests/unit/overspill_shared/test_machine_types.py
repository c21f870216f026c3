import pytest

from overspill_shared import machine_types as m


@pytest.mark.parametrize(
    ("machine_type", "count"),
    [
        ("c2-standard-60", 60),
        ("c3-standard-88-lssd", 88),
        ("c3-highcpu-192-metal", 192),
        ("n2-custom-32-65536", 32),
        ("custom-8-16384", 8),
        ("a2-highgpu-1g", None),
        ("e2-micro", None),
    ],
)
def test_vcpus_are_those_that_the_name_says(machine_type, count):
    assert m.vcpus(machine_type) == count


@pytest.mark.parametrize("machine_type", ["c2-standard-8", "c2d-highcpu-112", "c3-standard-22", "h3-standard-88"])
def test_hpc_families_can_be_placed_compactly(machine_type):
    assert m.allows_compact_placement(machine_type)


@pytest.mark.parametrize("machine_type", ["e2-standard-8", "n1-standard-8", "custom-8-16384", "t2d-standard-8"])
def test_general_families_cannot_be_placed_compactly(machine_type):
    assert not m.allows_compact_placement(machine_type)


@pytest.mark.parametrize(
    ("machine_type", "allowed"),
    [
        ("c2-standard-60", True),
        ("c2-standard-8", False),
        ("h3-standard-88", False),
        ("e2-standard-32", False),
        ("a2-highgpu-8g", True),
        ("quantum-standard-88", True),
    ],
)
def test_tier_1_takes_a_large_machine_of_a_family_that_has_it(machine_type, allowed):
    assert m.allows_tier_1(machine_type) is allowed


@pytest.mark.parametrize(("machine_type", "has"), [("c2-standard-8", True), ("h3-standard-88", False)])
def test_smt_is_a_matter_of_the_family(machine_type, has):
    assert m.has_smt(machine_type) is has


@pytest.mark.parametrize(
    ("machine_type", "gpu"),
    [
        ("g2-standard-16", "nvidia-l4"),
        ("a2-ultragpu-1g", "nvidia-a100-80gb"),
        ("a3-megagpu-8g", "nvidia-h100-mega-80gb"),
        ("n1-standard-8", None),
    ],
)
def test_built_in_gpu_is_known_by_the_machine_type(machine_type, gpu):
    assert m.built_in_gpu(machine_type) == gpu
