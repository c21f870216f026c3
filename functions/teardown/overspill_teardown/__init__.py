"""The teardown function: a TeardownRequest in, nothing that costs money left.

`plan` decides, `apply` does, `entrypoint` wires. Nothing of the agent, of the provision function or of the embedded
cloud is imported here, and no Kubernetes client: deleting the cluster deletes what is in it.
"""
