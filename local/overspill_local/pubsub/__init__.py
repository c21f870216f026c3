"""An embedded Pub/Sub: google.pubsub.v1 over gRPC, in memory, for the real client libraries.

Lives here: the service and nothing that knows Overspill's topics or messages.
Must not live here: topics to be created, functions to be pushed to (the composition root does both).
"""

from overspill_local.pubsub.server import PubSubServer
from overspill_local.pubsub.subscription import Backlog

__all__ = ["Backlog", "PubSubServer"]
