"""What agent and functions must agree on.

Here live the messages, the lifecycle table, names, the burst's broker.toml and MiniCluster, sealing, settings
loading, logging and the error tree: values in, values out. Code that talks to a service lives in ``adapters``
and nowhere else. Nothing here imports another Overspill package.
"""

__version__ = "0.1.0"
