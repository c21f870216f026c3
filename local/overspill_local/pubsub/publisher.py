"""The methods of google.pubsub.v1.Publisher, as plain functions from request to response.

Lives here: one method an RPC; each raises RequestError for what it refuses.
Must not live here: gRPC wiring, delivery.
"""

from google.protobuf import empty_pb2

from overspill_local.pubsub import errors, protos, validation
from overspill_local.pubsub.paging import page
from overspill_local.pubsub.protos import RequestPb, ResponsePb, TopicPb
from overspill_local.pubsub.registry import Registry


class Publisher:
    """Topics, and publishing to them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def create_topic(self, request: TopicPb) -> TopicPb:
        """Create a topic. INVALID_ARGUMENT, ALREADY_EXISTS."""
        validation.check_name(request.name, "topics")
        validation.check_topic(request)
        if request.name in self._registry.topics:
            raise errors.already_exists("Topic", request.name)
        self._registry.topics[request.name] = request
        return request

    def update_topic(self, request: RequestPb) -> TopicPb:
        """Change the fields that the mask names. INVALID_ARGUMENT, NOT_FOUND."""
        topic = self._registry.topic(request.topic.name)
        validation.check_update(topic, request.update_mask.paths, immutable={"name"})
        candidate = protos.Topic()
        candidate.CopyFrom(topic)
        request.update_mask.MergeMessage(request.topic, candidate, True, True)
        validation.check_topic(candidate)
        topic.CopyFrom(candidate)
        return topic

    def get_topic(self, request: RequestPb) -> TopicPb:
        """Return a topic. NOT_FOUND."""
        return self._registry.topic(request.topic)

    def list_topics(self, request: RequestPb) -> ResponsePb:
        """Return a project's topics."""
        names = [name for name in self._registry.topics if name.startswith(f"{request.project}/")]
        names, token = page(names, request.page_size, request.page_token)
        topics = [self._registry.topics[name] for name in names]
        return protos.ListTopicsResponse(topics=topics, next_page_token=token)

    def list_topic_subscriptions(self, request: RequestPb) -> ResponsePb:
        """Return the names of a topic's subscriptions. NOT_FOUND."""
        self._registry.topic(request.topic)
        names = [subscription.name for subscription in self._registry.attached(request.topic)]
        names, token = page(names, request.page_size, request.page_token)
        return protos.ListTopicSubscriptionsResponse(subscriptions=names, next_page_token=token)

    def delete_topic(self, request: RequestPb) -> ResponsePb:
        """Delete a topic; its subscriptions then show `_deleted-topic_`. NOT_FOUND."""
        self._registry.delete_topic(request.topic)
        return empty_pb2.Empty()

    def publish(self, request: RequestPb) -> ResponsePb:
        """Publish all messages or none. INVALID_ARGUMENT, NOT_FOUND."""
        self._registry.topic(request.topic)
        validation.check_publish(request)
        return protos.PublishResponse(message_ids=self._registry.publish(request.topic, request.messages))
