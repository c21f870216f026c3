"""`overspill simulate`: recorded or generated queues, replayed through the agent's own rules with sampled clouds.

Queue (`local_queue`), cloud (`cloud`) and clock (`engine`) are models; what decides is not: `replayed_agent`
calls the very same `observe` and `decide` as the agent beside a broker. docs/simulate.md tells the models' limits.
"""
