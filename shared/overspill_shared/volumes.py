"""Volumes: file systems that a template mounts on burst nodes, where the lead has them.

What is mounted and where; which Kubernetes objects that takes is `minicluster`'s business.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from overspill_shared.fields import Directory, Frozen, HostName, Name

Bucket = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$")]
Claim = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]

# A key that a receiver does not know could say how to mount: better refused than mounted otherwise.
_STRICT = ConfigDict(extra="forbid")


class NfsExport(Frozen):
    """A directory that an NFS server exports: Filestore's, or any other's that nodes can reach."""

    model_config = _STRICT

    server: HostName
    path: Directory = Field(description="the exported directory, such as /vol1")


class Volume(Frozen):
    """A file system, and where it is mounted: exactly one of `gcs_bucket`, `nfs` and `claim` says which."""

    model_config = _STRICT

    name: Name = Field(description="unique in a template")
    mount_path: Directory = Field(description="where it is on burst nodes: the lead's own path of it")
    read_only: bool = Field(default=False, description="jobs may read, and not write")
    gcs_bucket: Bucket | None = Field(default=None, description="a Cloud Storage bucket, mounted by GCS FUSE")
    nfs: NfsExport | None = Field(default=None, description="a table with `server` and `path`")
    claim: Claim | None = Field(
        default=None,
        description="NAMESPACE/NAME of a PersistentVolumeClaim that exists already; only where OVERSPILL_CLUSTERS is"
        " `existing`",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(source is not None for source in (self.gcs_bucket, self.nfs, self.claim)) != 1:
            raise ValueError(f"volume {self.name}: give exactly one of gcs_bucket, nfs and claim")
        return self
