"""What nodes cost where an operator does not say: a list with its date, shipped as `prices.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_shared.templates import NodeShape


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """List prices of one region, at one date."""

    as_of: str
    region: str
    usd_per_h: Mapping[str, float]


@cache
def shipped() -> PriceList:
    """Read the list that comes with the agent."""
    text = resources.files("overspill_agent").joinpath("prices.toml").read_text(encoding="utf-8")
    return PriceList(**tomllib.loads(text))


def price_of(shape: NodeShape, prices: PriceList) -> float | None:
    """Give a node's price: the operator's, else the list's; None where neither knows it.

    The list knows no spot nodes, and no GPUs that are attached.
    """
    if shape.price_usd_per_h is not None or shape.spot or shape.accelerator_type is not None:
        return shape.price_usd_per_h
    return prices.usd_per_h.get(shape.machine_type)
