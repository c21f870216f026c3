"""What of a node its pods may ask for, as GKE reserves the rest for itself and Kubernetes.

Pure. Source: Google's page "Plan GKE Standard node sizes" (CPU and memory reservations).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from overspill_shared import machine_types

if TYPE_CHECKING:
    from overspill_shared.templates import NodeShape

_EVICTION_MIB: Final = 100
_MEMORY_STEPS: Final = ((4, 0.25), (4, 0.20), (8, 0.10), (112, 0.06), (float("inf"), 0.02))
"""Of the first 4 GiB a quarter is reserved, of the next 4 a fifth, and so on."""
_CPU_STEPS: Final = ((1, 0.06), (1, 0.01), (2, 0.005), (float("inf"), 0.0025))


def logical_cpus(shape: NodeShape) -> int:
    """Give how many CPUs Kubernetes counts on a node: two a core only where that is known for certain.

    Asking for too much would leave a pod without a node; memory alone keeps a second pod away.
    """
    has_two_threads = machine_types.vcpus(shape.machine_type) == 2 * shape.cores and shape.threads_per_core != 1
    return shape.cores * (2 if has_two_threads else 1)


def allocatable_cpus(cpus: int) -> float:
    """Give how many of a node's CPUs its pods can have.

    >>> allocatable_cpus(4), allocatable_cpus(60)
    (3.92, 59.78)
    """
    return round(cpus - _reserved(cpus, _CPU_STEPS), 4)


def allocatable_memory_mib(memory_mib: int) -> int:
    """Give how much of a node's memory its pods can have.

    >>> allocatable_memory_mib(32_768), allocatable_memory_mib(245_760)
    (29022, 233822)
    """
    return int(memory_mib - 1024 * _reserved(memory_mib / 1024, _MEMORY_STEPS) - _EVICTION_MIB)


def _reserved(amount: float, steps: tuple[tuple[float, float], ...]) -> float:
    reserved = 0.0
    for width, share in steps:
        reserved += min(amount, width) * share
        amount -= min(amount, width)
    return reserved
