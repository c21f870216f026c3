"""What an embedded cloud can be told. Values; what is made of them stands in `cloud`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from overspill_local import topics
from overspill_local.sweep_scheduler import SWEEP_EVERY_S

if TYPE_CHECKING:
    from overspill_local.broker_commands import FluxKind


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudOptions:
    """What an embedded cloud is like."""

    flux: FluxKind
    pubsub: str = "embedded"
    """`embedded`, or HOST:PORT of a running emulator such as Google's."""
    create_s: float = 2.0
    """What making a cluster takes beyond the real work."""
    delete_s: float = 0.5
    poll_s: float = 0.1
    """How often the functions look at what they wait for; minutes are too long to watch."""
    broker_retry_s: float = 1.0
    sweep_every_s: float = SWEEP_EVERY_S
    """How often the teardown function looks for bursts that outlived their right to exist."""
    deployment: str = "default"
    has_existing_cluster: bool = False
    """Bursts are namespaces of one cluster that is there from the start, instead of clusters."""
    redelivery: topics.Redelivery = field(default_factory=topics.Redelivery)
    max_instances: int | None = None
    """Most deliveries that each function works on at once; one too many is answered 429, as Cloud Run does."""
    function_environ: dict[str, str] = field(default_factory=dict)
    """Further settings of both functions."""
