"""A template: a kind of node that can be rented, and how its cluster is to be made.

The operator writes templates into the agent's settings; they travel whole in each request. Whether one may be used is
the functions' own decision, and not said here.
"""

from __future__ import annotations

from pydantic import Field

from overspill_shared.fields import (
    Count,
    FilePath,
    FluxVersion,
    Frozen,
    Gpus,
    ImageRef,
    MachineType,
    MemoryMib,
    Name,
    PriceUsdPerH,
    Zone,
)


class Template(Frozen):
    """A kind of node that can be rented."""

    name: Name
    machine_type: MachineType
    cores: Count = Field(description="physical cores a node, as the lead's R declares them")
    gpus: Gpus = 0
    memory_mib: MemoryMib
    price_usd_per_h: PriceUsdPerH | None = Field(default=None, description="a node's; null where unknown")
    spot: bool = False
    zones: tuple[Zone, ...] = Field(min_length=1, description="in order of preference")
    app_image: ImageRef | None = Field(default=None, description="null: the lead's own")
    flux_version: FluxVersion | None = Field(default=None, description="what app_image's Flux is; null: the lead's")
    mounts: tuple[FilePath, ...] = Field(default=(), description="directories that lead and burst nodes share")
