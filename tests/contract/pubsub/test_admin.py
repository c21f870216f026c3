from __future__ import annotations

import pytest
from google.api_core import exceptions

PROJECT = "projects/demo"


def test_topic_that_is_created_is_found_and_listed(pubsub, topic):
    assert pubsub.publisher.get_topic(topic=topic).name == topic
    assert topic in [one.name for one in pubsub.publisher.list_topics(project=PROJECT)]
    assert topic not in [one.name for one in pubsub.publisher.list_topics(project="projects/other")]


def test_topic_that_exists_cannot_be_created_again(pubsub, topic):
    with pytest.raises(exceptions.AlreadyExists):
        pubsub.publisher.create_topic(name=topic)


def test_topic_with_a_malformed_name_is_an_invalid_argument(pubsub):
    with pytest.raises(exceptions.InvalidArgument, match=r"Invalid \[topics\] name: \(name=projects/demo/topics/1\)"):
        pubsub.publisher.create_topic(name=f"{PROJECT}/topics/1")


def test_topic_that_is_missing_is_not_found_by_any_method(pubsub):
    missing = pubsub.unique("topics")

    for call in (pubsub.publisher.get_topic, pubsub.publisher.delete_topic):
        with pytest.raises(exceptions.NotFound):
            call(topic=missing)
    with pytest.raises(exceptions.NotFound):
        pubsub.subscriber.create_subscription(name=pubsub.unique("subscriptions"), topic=missing)
    with pytest.raises(exceptions.NotFound):
        pubsub.publish(missing)


def test_topic_labels_are_updated_where_the_mask_says_so(backend, pubsub, topic):
    backend.require("labels")
    update = {"name": topic, "labels": {"deployment": "a"}}

    pubsub.publisher.update_topic(request={"topic": update, "update_mask": {"paths": ["labels"]}})

    assert dict(pubsub.publisher.get_topic(topic=topic).labels) == {"deployment": "a"}


def test_topic_that_is_deleted_leaves_its_subscription_marked(pubsub, topic):
    subscription = pubsub.make_subscription(topic)

    pubsub.publisher.delete_topic(topic=topic)

    assert pubsub.subscriber.get_subscription(subscription=subscription).topic == "_deleted-topic_"
    with pytest.raises(exceptions.NotFound):
        pubsub.publish(topic)


def test_subscription_that_is_created_has_the_defaults_and_is_listed(pubsub, topic):
    name = pubsub.make_subscription(topic)

    config = pubsub.subscriber.get_subscription(subscription=name)

    assert (config.topic, config.ack_deadline_seconds) == (topic, 10)
    assert config.message_retention_duration.total_seconds() == 604_800
    assert list(pubsub.publisher.list_topic_subscriptions(topic=topic)) == [name]
    assert name in [one.name for one in pubsub.subscriber.list_subscriptions(project=PROJECT)]


def test_subscriptions_are_listed_page_by_page(pubsub, topic):
    names = {pubsub.make_subscription(topic) for _ in range(3)}

    pages = list(pubsub.subscriber.list_subscriptions(request={"project": PROJECT, "page_size": 2}).pages)

    assert all(len(page.subscriptions) <= 2 for page in pages)
    assert names <= {one.name for page in pages for one in page.subscriptions}


def test_subscription_that_exists_cannot_be_created_again(pubsub, topic):
    with pytest.raises(exceptions.AlreadyExists):
        pubsub.subscriber.create_subscription(name=pubsub.make_subscription(topic), topic=topic)


def test_subscription_that_is_deleted_is_not_found_by_any_method(pubsub, topic):
    name = pubsub.make_subscription(topic)
    pubsub.subscriber.delete_subscription(subscription=name)

    for call in (pubsub.subscriber.get_subscription, pubsub.subscriber.delete_subscription):
        with pytest.raises(exceptions.NotFound):
            call(subscription=name)
    with pytest.raises(exceptions.NotFound):
        pubsub.subscriber.pull(subscription=name, max_messages=1)
    with pytest.raises(exceptions.NotFound):
        pubsub.subscriber.acknowledge(subscription=name, ack_ids=["a"])


def test_subscription_update_changes_what_the_mask_names_and_nothing_else(pubsub, topic):
    name = pubsub.make_subscription(topic, ack_deadline_seconds=20)
    update = {
        "name": name,
        "ack_deadline_seconds": 30,
        "push_config": {"push_endpoint": "http://127.0.0.1:9/"},
    }

    updated = pubsub.subscriber.update_subscription(
        request={"subscription": update, "update_mask": {"paths": ["ack_deadline_seconds"]}}
    )

    assert updated.ack_deadline_seconds == 30
    assert pubsub.subscriber.get_subscription(subscription=name) == updated
    assert updated.push_config.push_endpoint == ""


@pytest.mark.parametrize("paths", [[], ["topic"], ["nonsense"], ["filter"]])
def test_subscription_update_of_what_cannot_change_is_an_invalid_argument(pubsub, topic, paths):
    update = {"name": pubsub.make_subscription(topic)}

    with pytest.raises(exceptions.InvalidArgument):
        pubsub.subscriber.update_subscription(request={"subscription": update, "update_mask": {"paths": paths}})


def test_retry_policy_of_a_subscription_is_completed_and_checked(pubsub, topic):
    config = pubsub.subscriber.get_subscription(subscription=pubsub.make_subscription(topic, retry_policy={}))

    assert config.retry_policy.minimum_backoff.total_seconds() == 10
    assert config.retry_policy.maximum_backoff.total_seconds() == 600
    with pytest.raises(exceptions.InvalidArgument):
        pubsub.make_subscription(
            topic, retry_policy={"minimum_backoff": {"seconds": 20}, "maximum_backoff": {"seconds": 10}}
        )


def test_dead_letter_policy_that_cannot_work_is_refused(topic, pubsub):
    with pytest.raises(exceptions.NotFound):
        pubsub.make_subscription(topic, dead_letter_policy={"dead_letter_topic": pubsub.unique("topics")})
    with pytest.raises(exceptions.OutOfRange):
        pubsub.make_subscription(topic, dead_letter_policy={"dead_letter_topic": topic, "max_delivery_attempts": 4})


def test_filter_that_is_malformed_is_an_invalid_argument_that_says_why(backend, topic, pubsub):
    backend.require("filters")

    with pytest.raises(exceptions.InvalidArgument, match="expected a string in double quotes, found a"):
        pubsub.make_subscription(topic, filter="attributes.lead = a")


def test_push_subscription_with_exactly_once_delivery_is_refused(backend, topic, pubsub):
    backend.require("push exclusions")

    with pytest.raises(exceptions.InvalidArgument, match="push subscriptions"):
        pubsub.make_subscription(
            topic, enable_exactly_once_delivery=True, push_config={"push_endpoint": "http://127.0.0.1:9/"}
        )
