"""What the service accepts: names, message limits, and the configuration of topics and subscriptions.

Lives here: pure checks that raise RequestError, and the defaults that the service fills in.
Must not live here: checks that need to know what exists (those stand in the registry and the services).

Source of the limits: https://cloud.google.com/pubsub/quotas#resource_limits
"""

import re
from collections.abc import Iterable, Sequence

from overspill_local.pubsub import errors, filters
from overspill_local.pubsub.protos import MessagePb, RequestPb, SubscriptionPb, TopicPb

MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_KEY_BYTES = 256
MAX_ATTRIBUTE_VALUE_BYTES = 1024
MAX_MESSAGE_BYTES = 10_000_000
MAX_MESSAGES_PER_PUBLISH = 1000
MAX_ACK_DEADLINE_S = 600
MIN_SUBSCRIPTION_ACK_DEADLINE_S = 10
MIN_DELIVERY_ATTEMPTS = 5
MAX_DELIVERY_ATTEMPTS = 100
MAX_RETRY_BACKOFF_S = 600
DEFAULT_MIN_RETRY_BACKOFF_S = 10
DEFAULT_RETENTION_S = 7 * 24 * 3600

_RESOURCE_NAME = re.compile(
    r"projects/[^/]+/(?P<collection>topics|subscriptions)/(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}"
)
# Not having these would change, without a word, what a subscriber receives.
_REFUSED_TOPIC_FEATURES = {
    "schema_settings": "schemas",
    "ingestion_data_source_settings": "ingestion",
    "message_transforms": "message transforms",
}
_REFUSED_SUBSCRIPTION_FEATURES = {
    "enable_message_ordering": "message ordering",
    "bigquery_config": "BigQuery subscriptions",
    "cloud_storage_config": "Cloud Storage subscriptions",
    "message_transforms": "message transforms",
}


def check_name(name: str, collection: str) -> None:
    """Check a new resource's name; `collection` is "topics" or "subscriptions"."""
    match = _RESOURCE_NAME.fullmatch(name)
    if match is None or match["collection"] != collection:
        raise errors.invalid_argument(
            f"Invalid [{collection}] name: (name={name}). It must be projects/PROJECT/{collection}/ID, where ID has "
            f"3 to 255 letters, digits and -._~+%, starts with a letter and not with goog."
        )


def check_publish(request: RequestPb) -> None:
    """Check number and size of a PublishRequest's messages and their attributes."""
    if not 1 <= len(request.messages) <= MAX_MESSAGES_PER_PUBLISH:
        raise errors.invalid_argument(
            f"A publish request takes 1 to {MAX_MESSAGES_PER_PUBLISH} messages, not {len(request.messages)}."
        )
    size = request.ByteSize()
    if size > MAX_MESSAGE_BYTES:
        raise errors.invalid_argument(
            f"Request payload size exceeds the limit: {size} bytes, at most {MAX_MESSAGE_BYTES} are allowed."
        )
    for message in request.messages:
        _check_message(message)


def _check_message(message: MessagePb) -> None:
    if not message.data and not message.attributes:
        raise errors.invalid_argument("Some messages are empty: each needs data or at least one attribute.")
    if len(message.attributes) > MAX_ATTRIBUTES:
        raise errors.invalid_argument(
            f"A message has {len(message.attributes)} attributes; at most {MAX_ATTRIBUTES} are allowed."
        )
    for key, value in message.attributes.items():
        if not key or len(key.encode()) > MAX_ATTRIBUTE_KEY_BYTES:
            raise errors.invalid_argument(
                f"Attribute key {key[:40]!r}... must have 1 to {MAX_ATTRIBUTE_KEY_BYTES} bytes."
            )
        if len(value.encode()) > MAX_ATTRIBUTE_VALUE_BYTES:
            raise errors.invalid_argument(
                f"The value of attribute {key!r} has {len(value.encode())} bytes; "
                f"at most {MAX_ATTRIBUTE_VALUE_BYTES} are allowed."
            )


def check_ack_deadline(ack_deadline_s: int, smallest_s: int = 0) -> None:
    """Check a deadline in seconds; 0 means nack where it is allowed."""
    if not smallest_s <= ack_deadline_s <= MAX_ACK_DEADLINE_S:
        raise errors.invalid_argument(
            f"Invalid ack deadline: {ack_deadline_s} s; it must be in {smallest_s}..{MAX_ACK_DEADLINE_S}."
        )


def check_topic(topic: TopicPb) -> None:
    """Refuse a topic that asks for what the embedded service does not do."""
    _refuse(topic, _REFUSED_TOPIC_FEATURES)


def complete_subscription(config: SubscriptionPb) -> None:
    """Fill a subscription's defaults in, in place, and check every field that can be judged alone."""
    _refuse(config, _REFUSED_SUBSCRIPTION_FEATURES)
    if config.push_config.HasField("no_wrapper"):
        raise errors.unimplemented("unwrapped push")
    config.ack_deadline_seconds = config.ack_deadline_seconds or MIN_SUBSCRIPTION_ACK_DEADLINE_S
    check_ack_deadline(config.ack_deadline_seconds, MIN_SUBSCRIPTION_ACK_DEADLINE_S)
    if not config.HasField("message_retention_duration"):
        config.message_retention_duration.seconds = DEFAULT_RETENTION_S
    _check_filter(config.filter)
    _complete_dead_letter_policy(config)
    _complete_retry_policy(config)
    _check_push_config(config)


def check_update(resource: TopicPb | SubscriptionPb, paths: Sequence[str], immutable: Iterable[str]) -> None:
    """Check an update mask: not empty, known fields only, none of `immutable`."""
    if not paths:
        raise errors.invalid_argument("The update_mask must be set, and must contain a non-empty paths list.")
    known = resource.DESCRIPTOR.fields_by_name
    for path in paths:
        field = path.split(".")[0]
        if field not in known:
            raise errors.invalid_argument(f"Invalid update_mask: {path} is not a known field (use snake_case).")
        if field in immutable:
            raise errors.invalid_argument(f"Invalid update_mask: the field {field} is not mutable.")


def _refuse(resource: TopicPb | SubscriptionPb, features: dict[str, str]) -> None:
    present = {field.name for field, _ in resource.ListFields()}
    for field, feature in features.items():
        if field in present:
            raise errors.unimplemented(feature)


def _check_filter(text: str) -> None:
    try:
        filters.compile_filter(text)
    except filters.FilterError as error:
        raise errors.invalid_argument(f"Invalid filter {text!r}: {error}.") from error


def _complete_dead_letter_policy(config: SubscriptionPb) -> None:
    policy = config.dead_letter_policy
    if not policy.dead_letter_topic:
        return
    policy.max_delivery_attempts = policy.max_delivery_attempts or MIN_DELIVERY_ATTEMPTS
    attempts = policy.max_delivery_attempts
    if not MIN_DELIVERY_ATTEMPTS <= attempts <= MAX_DELIVERY_ATTEMPTS:
        raise errors.out_of_range("max_delivery_attempts", attempts, MIN_DELIVERY_ATTEMPTS, MAX_DELIVERY_ATTEMPTS)


def _complete_retry_policy(config: SubscriptionPb) -> None:
    if not config.HasField("retry_policy"):
        return
    policy = config.retry_policy
    if not policy.HasField("minimum_backoff"):
        policy.minimum_backoff.seconds = DEFAULT_MIN_RETRY_BACKOFF_S
    if not policy.HasField("maximum_backoff"):
        policy.maximum_backoff.seconds = MAX_RETRY_BACKOFF_S
    minimum_s = policy.minimum_backoff.ToTimedelta().total_seconds()
    maximum_s = policy.maximum_backoff.ToTimedelta().total_seconds()
    if not 0 <= minimum_s <= maximum_s <= MAX_RETRY_BACKOFF_S:
        raise errors.invalid_argument(
            f"Invalid retry policy: 0 s <= minimum_backoff ({minimum_s:g} s) <= maximum_backoff ({maximum_s:g} s) "
            f"<= {MAX_RETRY_BACKOFF_S} s must hold."
        )


def _check_push_config(config: SubscriptionPb) -> None:
    endpoint = config.push_config.push_endpoint
    if not endpoint:
        return
    if not re.match(r"https?://[^/]", endpoint):
        raise errors.invalid_argument(
            f"Unsupported push_endpoint {endpoint!r}: it must start with http:// or https://."
        )
    if config.enable_exactly_once_delivery:
        raise errors.invalid_argument("Exactly-once delivery is not supported for push subscriptions.")
