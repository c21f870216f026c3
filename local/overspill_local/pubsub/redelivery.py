"""The rules of redelivery: how long a message rests, when it is given up, what then goes to the dead letters.

Lives here: pure functions of a subscription's configuration and an attempt number.
Must not live here: queues, leases, timers.
"""

from overspill_local.pubsub import protos
from overspill_local.pubsub.protos import MessagePb, SubscriptionPb

# https://cloud.google.com/pubsub/docs/push#push_backoff: 100 ms to 60 s.
MIN_PUSH_BACKOFF_S = 0.1
MAX_PUSH_BACKOFF_S = 60.0

_MAX_DOUBLINGS = 30  # keeps the power a float; every cap is reached long before


def backoff_s(config: SubscriptionPb, attempt: int) -> float:
    """Return how long a message rests after its delivery number `attempt` (from 1) failed; 0 is at once.

    A retry policy's back-off starts at its minimum and doubles up to its maximum. Without a policy a pulled
    message is ready again at once, and a pushed one backs off from 100 ms to 60 s.
    """
    if config.HasField("retry_policy"):
        minimum_s = config.retry_policy.minimum_backoff.ToTimedelta().total_seconds()
        maximum_s = config.retry_policy.maximum_backoff.ToTimedelta().total_seconds()
    elif config.push_config.push_endpoint:
        minimum_s, maximum_s = MIN_PUSH_BACKOFF_S, MAX_PUSH_BACKOFF_S
    else:
        return 0.0
    return float(min(maximum_s, minimum_s * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS)))


def is_exhausted(config: SubscriptionPb, attempt: int) -> bool:
    """Say whether delivery number `attempt` (from 1) was the last that the dead-letter policy allows."""
    policy = config.dead_letter_policy
    return bool(policy.dead_letter_topic) and attempt >= policy.max_delivery_attempts


def build_dead_letter(message: MessagePb, attempt: int, subscription: str) -> MessagePb:
    """Return the copy of `message` that is forwarded, with where it comes from in its attributes.

    Source: https://cloud.google.com/pubsub/docs/handling-failures#dead_letter_topic
    """
    _, project, _, subscription_id = subscription.split("/")
    forwarded = protos.PubsubMessage(data=message.data, ordering_key=message.ordering_key)
    forwarded.attributes.update(message.attributes)
    forwarded.attributes.update(
        {
            "CloudPubSubDeadLetterSourceDeliveryCount": str(attempt),
            "CloudPubSubDeadLetterSourceSubscription": subscription_id,
            "CloudPubSubDeadLetterSourceSubscriptionProject": project,
            "CloudPubSubDeadLetterSourceTopicPublishTime": message.publish_time.ToJsonString(),
        }
    )
    return forwarded
