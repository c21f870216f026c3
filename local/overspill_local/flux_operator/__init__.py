"""A stand-in for the Flux Operator and the kubelets: turns a MiniCluster into local processes.

An ordinary client of a Kubernetes API: it watches MiniClusters, makes Pods, reads Secrets and reports status, over
TLS with a bearer token. It honours what Overspill's MiniCluster asks for: Secret mounts, and `commands.pre` with the
variables of the operator's worker script. A pod is a folder, and the paths of its mounts are mapped into it. No
isolation is imitated.
"""

from overspill_local.flux_operator.controller import FluxOperator
from overspill_local.flux_operator.pod import BrokerCommand

__all__ = ["BrokerCommand", "FluxOperator"]
