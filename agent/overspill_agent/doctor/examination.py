"""Everything that checks look at, as values. Nothing is asked or judged here."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_agent.deciding.slots import Slot
    from overspill_agent.ports import InstanceFacts, InstanceHealth
    from overspill_shared.errors import ConfigError
    from overspill_shared.idset import Ranks
    from overspill_shared.templates import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveCertFile:
    """The file that `bootstrap.curve_cert` names."""

    path: str | None
    """None where it names none."""
    is_readable: bool = False
    """By this process: the agent must read it."""
    mode: int | None = None
    """Permission bits; None where there is no such file."""


class Access(StrEnum):
    """What is known of a right on a Pub/Sub resource."""

    GRANTED = "granted"
    REFUSED = "refused"
    MISSING = "missing"
    """There is no such topic or subscription."""
    EXISTS = "exists"
    """It is there; this Pub/Sub, an emulator, knows no rights."""
    UNKNOWN = "unknown"
    """Pub/Sub did not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PubSubResource:
    """A topic that the agent publishes to, or the subscription that it listens to."""

    path: str
    permission: str
    """The right that the agent needs on it."""
    access: Access
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PubSubRights:
    """What the agent may do in Pub/Sub."""

    resources: tuple[PubSubResource, ...] = ()
    skipped: str = ""
    """Why nothing was asked; empty if something was."""
    is_emulator: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """One look at a live instance, its files, the agent's settings, and Pub/Sub."""

    facts: InstanceFacts
    health: InstanceHealth
    burst_property: str
    shrinks: bool = False
    """The setting: a burst's idle last nodes are given back."""
    view_image: str
    """The image that brings Flux to burst nodes."""
    curve_cert: CurveCertFile
    plugin_texts: Mapping[str, str | None] = field(default_factory=dict)
    """Frobnicator plugins that are given by a path: their source, or None where it cannot be read here."""
    slots: tuple[Slot, ...] = ()
    templates: Mapping[str, Template] = field(default_factory=dict)
    """Those that fill the slots, by name; none where they cannot be used."""
    burst_ranks: Ranks = frozenset()
    """Ranks of the bursts that the instance's KVS records and that are not gone."""
    slots_refusal: ConfigError | None = None
    """Why the agent cannot use the declared slots."""
    identity_refusal: ConfigError | None = None
    """Why the agent cannot tell the functions who this instance is."""
    key_refusal: ConfigError | None = None
    """Why the agent cannot seal the curve certificate."""
    pubsub: PubSubRights
