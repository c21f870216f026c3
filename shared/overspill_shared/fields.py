"""The kinds of field that messages and templates are made of: patterns and ranges, said once.

Types only; no model, and nothing that reads or writes one.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from overspill_shared import names

# Patterns spell [0-9]: \d would take any digit of Unicode.
Name = Annotated[str, Field(pattern=names.NAME_PATTERN)]
BurstId = Annotated[str, Field(pattern=names.BURST_ID_PATTERN)]
Epoch = Annotated[float, Field(gt=0, lt=1e11, description="epoch seconds")]
Count = Annotated[int, Field(ge=1, le=100_000)]
HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:_-]{0,251}[A-Za-z0-9])?$")]
Zone = Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)+[0-9]+-[a-z]$", description="one zone, such as us-central1-a")]
Gpus = Annotated[int, Field(ge=0, le=64)]
MemoryMib = Annotated[int, Field(ge=1)]
PriceUsdPerH = Annotated[float, Field(ge=0)]
ImageRef = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}$")]
MachineType = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,63}$")]
FilePath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/+-]{0,254}$")]
Directory = Annotated[
    str,
    Field(
        pattern=r"^(/[A-Za-z0-9_+-][A-Za-z0-9._+-]{0,80}){1,30}$",
        description="absolute, not /; no part begins with a dot",
    ),
]
FluxVersion = Annotated[str, Field(pattern=r"^[0-9]{1,5}\.[0-9]{1,5}\.[0-9]{1,5}([.+-][A-Za-z0-9.+-]{0,40})?$")]


class Frozen(BaseModel):
    """A model of which nothing changes; unknown fields are of a newer minor version, and ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)
