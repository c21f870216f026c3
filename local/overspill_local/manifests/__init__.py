"""What the embedded cloud installs into its clusters: the Flux Operator's custom resource and the objects around it.

Package data and where it lies; who applies it, and who plays the operator, lives elsewhere.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["flux_operator_path"]


def flux_operator_path() -> Path:
    """Return the file with the Flux Operator's objects for the embedded cloud (flux-framework.org/v1alpha2).

    The schema is complete for MiniClusters, the rest is the least that an installation consists of: on a real
    cluster, the operator's own release is to be applied.
    """
    return Path(__file__).with_name("flux-operator.yaml")
