"""`overspill init`: writes what a lead MiniCluster needs so that its jobs can burst, from what an operator says of it.

Options become a checked `LeadPlan`; texts and manifests are built from it by pure functions; one module writes files.
Nothing here talks to Flux, to Kubernetes or to Google Cloud.
"""
