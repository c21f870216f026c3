"""The embedded cloud: the servers' side of Overspill on one machine, for tests, demos and users' experiments.

Real gRPC, HTTP and TLS, real client libraries, real functions-framework, the agent and the functions as they are;
only the servers are ours: Pub/Sub (`pubsub`), GKE (`gke`), a Kubernetes API a cluster (`kube`), tokens (`metadata`),
the Flux Operator (`flux_operator`), and, where Flux is not installed, a stand-in for it (`standin`). `cloud` joins
them. Nothing here is needed in production, and nothing here decides about bursts.
"""
