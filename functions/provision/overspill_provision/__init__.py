"""The provision function: a BurstRequest in, a cluster with the burst's MiniCluster out.

`guardrails` and `plan` decide, `apply` and `burst_objects` do, `entrypoint` wires. Nothing of the agent, of the
teardown function or of the embedded cloud is imported here.
"""
