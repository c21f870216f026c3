from __future__ import annotations

import grpc
import pytest

from overspill_local.pubsub import protos, validation
from overspill_local.pubsub.errors import RequestError

PUSH = {"push_endpoint": "http://127.0.0.1:8080/"}


def publish_request(*messages):
    return protos.PublishRequest(topic="projects/demo/topics/orders", messages=messages)


def complete(**config):
    subscription = protos.Subscription(name="projects/demo/subscriptions/orders", **config)
    validation.complete_subscription(subscription)
    return subscription


@pytest.mark.parametrize(
    "name", ["projects/p/topics/abc", "projects/p/topics/a-b_c.d~e+f%25", "projects/x:y/topics/Abc"]
)
def test_topic_name_of_the_documented_form_is_accepted(name):
    validation.check_name(name, "topics")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "abc",
        "projects/p/topics/ab",
        "projects/p/topics/1ab",
        "projects/p/topics/goog-x",
        "projects/p/topics/a b c",
        "projects/p/topics/" + "a" * 256,
        "projects/p/subscriptions/abc",
        "projects/p/topics/abc\n",
    ],
)
def test_topic_name_of_another_form_is_an_invalid_argument(name):
    with pytest.raises(RequestError, match="must be projects/PROJECT/topics/ID") as raised:
        validation.check_name(name, "topics")

    assert raised.value.code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "message",
    [
        {"data": b"x"},
        {"attributes": {"k": ""}},
        {"data": b"x", "attributes": {f"k{number}": "v" for number in range(100)}},
        {"data": b"x", "attributes": {"é" * 128: "é" * 512}},
        {"data": bytes(9_999_900)},
    ],
    ids=["data only", "attribute only", "100 attributes", "longest key and value", "just under 10 MB"],
)
def test_message_at_a_limit_is_accepted(message):
    validation.check_publish(publish_request(message))


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ({}, "messages are empty"),
        ({"attributes": {f"k{number}": "v" for number in range(101)}}, "101 attributes; at most 100"),
        ({"attributes": {"k" * 257: "v"}}, "must have 1 to 256 bytes"),
        ({"attributes": {"é" * 129: "v"}}, "must have 1 to 256 bytes"),
        ({"attributes": {"": "v"}}, "must have 1 to 256 bytes"),
        ({"attributes": {"k": "é" * 513}}, "'k' has 1026 bytes; at most 1024"),
        ({"data": bytes(10_000_000)}, "at most 10000000 are allowed"),
    ],
    ids=["empty", "attributes", "key", "key in bytes", "no key", "value in bytes", "10 MB with its envelope"],
)
def test_message_over_a_limit_is_an_invalid_argument_that_names_it(message, complaint):
    with pytest.raises(RequestError, match=complaint) as raised:
        validation.check_publish(publish_request({"data": b"good"}, message))

    assert raised.value.code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("count", [0, 1001])
def test_publish_request_with_too_few_or_many_messages_is_an_invalid_argument(count):
    with pytest.raises(RequestError, match=f"1 to 1000 messages, not {count}"):
        validation.check_publish(publish_request(*[{"data": b"x"}] * count))


def test_subscription_with_nothing_set_gets_the_documented_defaults():
    config = complete(retry_policy={}, dead_letter_policy={"dead_letter_topic": "projects/p/topics/dead"})

    assert config.ack_deadline_seconds == 10
    assert config.message_retention_duration.seconds == 604_800
    assert config.dead_letter_policy.max_delivery_attempts == 5
    assert config.retry_policy.minimum_backoff.seconds == 10
    assert config.retry_policy.maximum_backoff.seconds == 600


def test_subscription_without_policies_gets_none():
    config = complete()

    assert not config.HasField("retry_policy")
    assert not config.HasField("dead_letter_policy")


def test_subscription_with_a_retry_minimum_of_zero_keeps_it():
    assert complete(retry_policy={"minimum_backoff": {}}).retry_policy.minimum_backoff.seconds == 0


@pytest.mark.parametrize(
    ("config", "code", "complaint"),
    [
        ({"ack_deadline_seconds": 9}, "INVALID_ARGUMENT", "9 s; it must be in 10..600"),
        ({"ack_deadline_seconds": 601}, "INVALID_ARGUMENT", "601 s; it must be in 10..600"),
        ({"filter": "nonsense"}, "INVALID_ARGUMENT", "expected attributes, found nonsense"),
        ({"push_config": {"push_endpoint": "127.0.0.1:80"}}, "INVALID_ARGUMENT", "must start with http://"),
        ({"push_config": PUSH, "enable_exactly_once_delivery": True}, "INVALID_ARGUMENT", "push subscriptions"),
        ({"retry_policy": {"minimum_backoff": {"seconds": 601}}}, "INVALID_ARGUMENT", "retry policy"),
        ({"retry_policy": {"maximum_backoff": {"seconds": 5}}}, "INVALID_ARGUMENT", r"minimum_backoff \(10 s\)"),
        (
            {"dead_letter_policy": {"dead_letter_topic": "t", "max_delivery_attempts": 4}},
            "OUT_OF_RANGE",
            "max_delivery_attempts .* 5..100",
        ),
        ({"enable_message_ordering": True}, "UNIMPLEMENTED", "no message ordering"),
        ({"push_config": {**PUSH, "no_wrapper": {}}}, "UNIMPLEMENTED", "no unwrapped push"),
        ({"bigquery_config": {"table": "t"}}, "UNIMPLEMENTED", "no BigQuery subscriptions"),
    ],
)
def test_subscription_with_a_wrong_or_absent_feature_is_refused_by_name(config, code, complaint):
    with pytest.raises(RequestError, match=complaint) as raised:
        complete(**config)

    assert raised.value.code.name == code


def test_topic_with_a_schema_is_refused_by_name():
    with pytest.raises(RequestError, match="no schemas"):
        validation.check_topic(protos.Topic(schema_settings={"schema": "projects/p/schemas/s"}))


@pytest.mark.parametrize(
    ("paths", "complaint"),
    [([], "non-empty"), (["pushConfig"], "snake_case"), (["filter"], "filter is not mutable")],
)
def test_update_mask_that_cannot_be_applied_is_an_invalid_argument(paths, complaint):
    with pytest.raises(RequestError, match=complaint):
        validation.check_update(protos.Subscription(), paths, immutable={"filter"})
