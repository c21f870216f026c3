"""A template: a kind of node that can be rented, and how its cluster is to be made.

The operator writes templates into the agent's settings; they travel whole in each request. Whether one may be used is
the functions' own decision, and not said here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from overspill_shared import machine_types
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
from overspill_shared.volumes import Volume

if TYPE_CHECKING:
    from collections.abc import Iterator

AcceleratorType = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
DiskGib = Annotated[int, Field(ge=10, le=65536)]


class NodeShape(Frozen):
    """What a template says, but for its name."""

    machine_type: MachineType = Field(description="Compute Engine's name of it, such as c2-standard-60")
    cores: Count = Field(description="physical cores a node, as the lead's R declares them")
    gpus: Gpus = Field(default=0, description="GPUs a node, as the lead's R declares them")
    accelerator_type: AcceleratorType | None = Field(
        default=None, description="which GPUs, such as nvidia-tesla-t4; null: those that the machine comes with"
    )
    memory_mib: MemoryMib = Field(description="a node's")
    price_usd_per_h: PriceUsdPerH | None = Field(default=None, description="a node's; null where unknown")
    zones: tuple[Zone, ...] = Field(min_length=1, description="in order of preference")
    spot: bool = Field(default=False, description="cheap nodes that the cloud may take back: its jobs die then")
    threads_per_core: Literal[1, 2] | None = Field(
        default=None, description="1 switches SMT off, as tightly coupled codes want it; null: the machine's own"
    )
    compact_placement: bool = Field(
        default=False, description="nodes close to each other, for less latency; fewer are to be had"
    )
    tier_1_network: bool = Field(
        default=False, description="the network's higher bandwidth, at a price; for machines of 30 vCPUs and more"
    )
    gvnic: bool = Field(default=True, description="Google's virtual network card; newer machine families have no other")
    boot_disk_gib: DiskGib | None = Field(default=None, description="null: GKE's own default (100)")
    boot_disk_type: Literal["pd-standard", "pd-balanced", "pd-ssd", "hyperdisk-balanced"] | None = Field(
        default=None, description="null: GKE's own default for the machine"
    )
    image_streaming: bool = Field(
        default=False,
        description="start containers before their image has come whole; for images in Artifact Registry, and with"
        " the Container File System API enabled",
    )
    app_image: ImageRef | None = Field(default=None, description="null: the lead's own")
    flux_version: FluxVersion | None = Field(default=None, description="what app_image's Flux is; null: the lead's")
    volumes: tuple[Volume, ...] = Field(default=(), description="file systems that are mounted on the nodes")
    mounts: tuple[FilePath, ...] = Field(
        default=(), description="directories that lead and burst nodes share by other means, such as the image"
    )

    @property
    def accelerator(self) -> str | None:
        """The accelerator type of a node with GPUs, said or known; None where it has none, or nobody says which."""
        return (self.accelerator_type or machine_types.built_in_gpu(self.machine_type)) if self.gpus else None

    @property
    def shared_directories(self) -> tuple[str, ...]:
        """The directories in which a job finds on a burst's node what it finds at the lead."""
        return (*self.mounts, *(volume.mount_path for volume in self.volumes))

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if problem := next(self._problems(), None):
            raise ValueError(problem)
        return self

    def _problems(self) -> Iterator[str]:
        if self.accelerator_type and not self.gpus:
            yield f"accelerator_type is {self.accelerator_type}, but gpus is 0: say how many a node has"
        if self.compact_placement and not machine_types.allows_compact_placement(self.machine_type):
            yield (
                f"compact_placement: {self.machine_type} cannot be placed compactly;"
                " choose a family such as c2, c2d, c3, c3d, h3, n2 or n2d, or leave it out"
            )
        if self.tier_1_network and not (self.gvnic and machine_types.allows_tier_1(self.machine_type)):
            yield (
                f"tier_1_network: {self.machine_type} has no Tier_1 network; it takes gvnic and at least"
                f" {machine_types.TIER_1_MIN_VCPUS} vCPUs of a family such as c2, c2d, c3, c3d, n2 or n2d"
            )
        if self.threads_per_core and not machine_types.has_smt(self.machine_type):
            yield f"threads_per_core: {self.machine_type} has one thread a core, and no choice; leave it out"
        for key, texts in (
            ("name", [volume.name for volume in self.volumes]),
            ("mount_path", [volume.mount_path for volume in self.volumes]),
        ):
            if twice := next((text for text in texts if texts.count(text) > 1), None):
                yield f"volumes: two have the {key} {twice}"


class Template(NodeShape):
    """A kind of node that can be rented."""

    name: Name
