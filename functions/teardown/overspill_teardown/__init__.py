"""The teardown function: nothing that costs money outlives its right to.

It serves three kinds of message: a TeardownRequest (`plan` decides, `apply` does), a LeaseRenewal (`renewing`), and a
Sweep (`sweeping`). `judging` tells whether a burst may still exist, `inside` reads a burst's cluster, `entrypoint`
wires. Nothing of the agent, of the provision function or of the embedded cloud is imported here.
"""
