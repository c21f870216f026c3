"""The protobuf classes of google.pubsub.v1, as the embedded service handles them.

Lives here: the raw classes behind google-cloud-pubsub's proto-plus wrappers, and names for annotations.
Must not live here: anything that reads or changes a message.

The raw classes matter: serialising a hundred messages takes a sixth of the time that the wrappers need.
"""

from typing import Any, TypeAlias

from google.pubsub_v1 import types

# The generated classes carry no static types; these names say which message an argument is.
MessagePb: TypeAlias = Any
ReceivedMessagePb: TypeAlias = Any
SubscriptionPb: TypeAlias = Any
TopicPb: TypeAlias = Any
RequestPb: TypeAlias = Any
ResponsePb: TypeAlias = Any

Topic = types.Topic.pb()
Subscription = types.Subscription.pb()
PubsubMessage = types.PubsubMessage.pb()
ReceivedMessage = types.ReceivedMessage.pb()

PublishRequest = types.PublishRequest.pb()
PublishResponse = types.PublishResponse.pb()
GetTopicRequest = types.GetTopicRequest.pb()
UpdateTopicRequest = types.UpdateTopicRequest.pb()
DeleteTopicRequest = types.DeleteTopicRequest.pb()
ListTopicsRequest = types.ListTopicsRequest.pb()
ListTopicsResponse = types.ListTopicsResponse.pb()
ListTopicSubscriptionsRequest = types.ListTopicSubscriptionsRequest.pb()
ListTopicSubscriptionsResponse = types.ListTopicSubscriptionsResponse.pb()

GetSubscriptionRequest = types.GetSubscriptionRequest.pb()
UpdateSubscriptionRequest = types.UpdateSubscriptionRequest.pb()
DeleteSubscriptionRequest = types.DeleteSubscriptionRequest.pb()
ListSubscriptionsRequest = types.ListSubscriptionsRequest.pb()
ListSubscriptionsResponse = types.ListSubscriptionsResponse.pb()
ModifyPushConfigRequest = types.ModifyPushConfigRequest.pb()
AcknowledgeRequest = types.AcknowledgeRequest.pb()
ModifyAckDeadlineRequest = types.ModifyAckDeadlineRequest.pb()
PullRequest = types.PullRequest.pb()
PullResponse = types.PullResponse.pb()
StreamingPullRequest = types.StreamingPullRequest.pb()
StreamingPullResponse = types.StreamingPullResponse.pb()
