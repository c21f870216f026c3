"""The agent beside the lead broker, and the `overspill` command.

Observe, decide, act: pure modules (`demand`, `jobs`, `slots`, `bursts`, `decide`, …) hold all rules; adapters
(`flux_*`, `standin_instance`, `pubsub_events`) talk to the world; `loop` joins them; `wiring` is the one place where
adapters are chosen. Only modules called `flux*` import flux. Nothing here talks to GKE or Kubernetes: the functions do.
"""
