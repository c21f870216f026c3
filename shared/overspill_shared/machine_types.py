"""What Compute Engine's machine families allow, as far as a template must know before nodes are asked for.

Names in, facts out. A family that is not known here may do everything: GKE judges then. Sources: Google's pages "Define
compact placement for GKE nodes", "Per VM Tier_1 networking performance" and "Set the number of threads per core".
"""

from __future__ import annotations

import re
from typing import Final

_WITHOUT_COMPACT_PLACEMENT: Final = frozenset(
    {"e2", "n1", "n4", "n4a", "n4d", "t2a", "t2d", "c4", "m1", "m2", "m3", "m4", "x4", "z3", "f1", "g1"}
)
_WITHOUT_TIER_1: Final = frozenset({"e2", "n1", "n4", "n4a", "n4d", "t2a", "t2d", "h3", "h4d", "m1", "m2", "f1", "g1"})
_WITHOUT_SMT: Final = frozenset({"h3", "h4d", "t2a", "t2d", "c4a", "n4a", "a4x"})
"""A core is one thread there, and cannot be set."""
_BUILT_IN_GPUS: Final = {
    "a2-highgpu": "nvidia-tesla-a100",
    "a2-megagpu": "nvidia-tesla-a100",
    "a2-ultragpu": "nvidia-a100-80gb",
    "a3-edgegpu": "nvidia-h100-80gb",
    "a3-highgpu": "nvidia-h100-80gb",
    "a3-megagpu": "nvidia-h100-mega-80gb",
    "a3-ultragpu": "nvidia-h200-141gb",
    "a4-highgpu": "nvidia-b200",
    "g2-standard": "nvidia-l4",
}
TIER_1_MIN_VCPUS: Final = 30


def family(machine_type: str) -> str:
    """Give the series that a machine type belongs to.

    >>> family("c2-standard-60"), family("custom-8-16384")
    ('c2', 'n1')
    """
    head = machine_type.partition("-")[0]
    return "n1" if head == "custom" else head


def vcpus(machine_type: str) -> int | None:
    """Give the number of vCPUs in a machine type's name; None where it names none, as those with GPUs do.

    >>> vcpus("c3-standard-88-lssd"), vcpus("n2-custom-32-65536"), vcpus("a2-highgpu-1g")
    (88, 32, None)
    """
    match = re.search(r"custom-([0-9]+)-[0-9]+|-([0-9]+)(?:-[a-z]+)?$", machine_type)
    return int(match[1] or match[2]) if match else None


def allows_compact_placement(machine_type: str) -> bool:
    """Tell whether nodes can be placed close to each other."""
    return family(machine_type) not in _WITHOUT_COMPACT_PLACEMENT


def allows_tier_1(machine_type: str) -> bool:
    """Tell whether the network's higher bandwidth can be asked for: not of every family, nor of a small machine."""
    count = vcpus(machine_type)
    return family(machine_type) not in _WITHOUT_TIER_1 and (count is None or count >= TIER_1_MIN_VCPUS)


def built_in_gpu(machine_type: str) -> str | None:
    """Give the accelerator type that a machine comes with; None where there is none, or a choice.

    >>> built_in_gpu("g2-standard-16"), built_in_gpu("n1-standard-8")
    ('nvidia-l4', None)
    """
    return _BUILT_IN_GPUS.get(machine_type.rpartition("-")[0])


def has_smt(machine_type: str) -> bool:
    """Tell whether a core has two threads, so that their number can be chosen."""
    return family(machine_type) not in _WITHOUT_SMT
