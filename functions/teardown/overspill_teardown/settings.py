"""The teardown function's settings: names, units and defaults.

How settings are read stands in overspill_shared.settings; what they are used for does not stand here.
"""

from __future__ import annotations

from pydantic import Field

from overspill_shared.function_settings import FunctionSettings


class TeardownSettings(FunctionSettings):
    """What the teardown function is told by its deployment."""

    budget_s: float = Field(default=30, gt=0, le=3500)
    """Seconds that one delivery may wait for the cloud: deleting takes minutes, and other bursts wait their turn.
    A sweep looks into clusters for so long."""

    forgotten_after_s: float = Field(default=3600, gt=0, le=30 * 24 * 3600)
    """A sweep ends a burst that has neither lease nor MiniCluster so long after its creation, or is no usable cluster;
    more than a provision may take."""
