"""What a deployment is, proved on the resources that Terraform plans."""

import base64
import ipaddress
import json
import re

import pytest
from tests.terraform.offline import EXAMPLES, MODULE, ROOT, VARIABLES, plan_document
from tests.terraform.plan_walk import Plan

from overspill_shared import names
from overspill_shared.adapters.gke_request import BURST_MAX_PODS_PER_NODE
from overspill_shared.messages import Sweep
from overspill_shared.wire_format import decode

AGENT, PROVISION, TEARDOWN, PUSH, BUILD, NODES = "agent", "provision", "teardown", "push", "build", "nodes"
GKE_MAX_PODS_PER_NODE = 128
"""GKE's default is 110, and a node's range twice that, as a power of two."""
CREATES = {"roles/container.admin", "roles/container.clusterAdmin", "custom:provision"}
"""Roles with which clusters can be made."""
PUBLISH = {"roles/pubsub.publisher", "custom:publish", "custom"}


@pytest.fixture(scope="session", params=["predefined", "custom", *EXAMPLES])
def any_plan(request, plan_with, tmp_path_factory):
    """Give each plan in turn: the module with either kind of roles, and every example."""
    if request.param in ("predefined", "custom"):
        return plan_with(iam_mode=request.param)
    keys = {key: VARIABLES[key] for key in ("public_key", "private_keys", "operator_image", "project", "region")}
    return Plan(plan_document(tmp_path_factory.mktemp("example"), request.param, keys))


def publishers(plan):
    """Give whose messages a topic takes, by topic."""
    found = {}
    for who, role, target in plan.grants():
        if target.startswith("topic:") and role in PUBLISH:
            found.setdefault(target.removeprefix("topic:"), set()).add(who)
    return found


# -- messages


def test_topics_are_those_that_the_code_names(plan):
    topics = {r.values["name"] for r in plan.all("google_pubsub_topic")}

    assert topics == {*names.TOPICS, *(names.dead_letter_topic(topic) for topic in names.TOPICS)}


def test_every_subscription_has_a_dead_letter_that_has_a_subscription_of_its_own(any_plan):
    kept = {
        target for r in any_plan.all("google_pubsub_subscription") if r.name == "dead" for target in r.refers("topic")
    }
    assert {r.values["name"] for r in any_plan.resources if (r.type, r.name) == ("google_pubsub_topic", "dead")} == {
        any_plan.one(*target).values["name"] for target in kept
    }, "each dead-letter topic is kept"
    for subscription in any_plan.all("google_pubsub_subscription"):
        if subscription.name == "dead":
            continue
        assert subscription.block("dead_letter_policy")["max_delivery_attempts"] == 100
        (dead,) = subscription.refers("dead_letter_policy", "dead_letter_topic")
        (topic,) = subscription.refers("topic")
        assert dead in kept
        assert dead[2] == topic[2], "it is its own topic's"


def test_pubsub_may_forward_dead_letters_and_ack_what_it_forwards(any_plan):
    robot = [(role, target) for who, role, target in any_plan.grants() if "gcp-sa-pubsub" in who]
    subscribed = {
        f"subscription:{r.values['name']}" for r in any_plan.all("google_pubsub_subscription") if r.name != "dead"
    }

    assert {target for role, target in robot if role == "roles/pubsub.subscriber"} == subscribed
    assert {target for role, target in robot if role == "roles/pubsub.publisher"} == {
        f"topic:{names.dead_letter_topic(topic)}" for topic in names.TOPICS
    }


def test_every_subscription_lasts(any_plan):
    for subscription in any_plan.all("google_pubsub_subscription"):
        assert subscription.block("expiration_policy") == {"ttl": ""}, subscription.address


def test_pushes_are_signed_and_wait_as_long_as_an_answer_may_take(any_plan):
    pushed = [r for r in any_plan.all("google_pubsub_subscription") if r.name == "push"]

    assert {r.values["name"] for r in pushed} == {
        f"{topic}-push" for topic in names.TOPICS if topic != names.TOPIC_EVENTS
    }
    for subscription in pushed:
        function = PROVISION if subscription.key == names.TOPIC_REQUESTS else TEARDOWN
        served = ("google_cloudfunctions2_function", "this")
        assert subscription.refers("push_config", "oidc_token", "service_account_email") == {
            ("google_service_account", "push", None)
        }
        assert any(target[:2] == served for target in subscription.refers("push_config", "push_endpoint")), function
        assert subscription.values["ack_deadline_seconds"] == 600
        assert subscription.block("retry_policy") == {"minimum_backoff": "10s", "maximum_backoff": "600s"}


def test_each_lead_has_a_subscription_of_its_own(plan):
    for lead in VARIABLES["leads"]:
        subscription = plan.one("google_pubsub_subscription", "events", lead)

        assert subscription.values["name"] == names.events_subscription(lead)
        assert subscription.values["filter"] == f'attributes.lead = "{lead}"'
        assert subscription.values["enable_exactly_once_delivery"] is True
        assert subscription.refers("topic") == {("google_pubsub_topic", "this", names.TOPIC_EVENTS)}


def test_only_who_must_publishes(any_plan):
    others = {who for found in publishers(any_plan).values() for who in found if "@gcp-sa-" not in who}
    ours = {topic: {who for who in found if who in others} for topic, found in publishers(any_plan).items()}

    assert others == {AGENT, PROVISION, TEARDOWN}
    assert {topic: found for topic, found in ours.items() if found} == {
        names.TOPIC_REQUESTS: {AGENT},
        names.TOPIC_TEARDOWNS: {AGENT, TEARDOWN},
        names.TOPIC_LEASES: {AGENT},
        names.TOPIC_EVENTS: {PROVISION, TEARDOWN},
        names.dead_letter_topic(names.TOPIC_REQUESTS): {PROVISION},
        names.dead_letter_topic(names.TOPIC_TEARDOWNS): {TEARDOWN},
        names.dead_letter_topic(names.TOPIC_LEASES): {TEARDOWN},
        names.dead_letter_topic(names.TOPIC_SWEEPS): {TEARDOWN},
    }


def test_sweep_is_a_message_that_the_code_reads(plan):
    pushed = plan.one("google_cloud_scheduler_job", "sweep").block("pubsub_target")
    message = decode(Sweep, base64.b64decode(pushed["data"]))

    assert message == Sweep()
    assert pushed["attributes"].items() >= message.attributes().items()


# -- rights


def test_nothing_is_for_everybody_and_no_role_is_basic(any_plan):
    for who, role, target in any_plan.grants():
        assert "allUsers" not in who, target
        assert "allAuthenticatedUsers" not in who, target
        assert role not in {"roles/owner", "roles/editor", "roles/viewer"}, (who, target)


def test_grants_are_members_so_that_nobody_else_loses_any(any_plan):
    assert not [r.address for r in any_plan.resources if r.type.endswith(("_iam_binding", "_iam_policy"))]


def test_no_account_has_a_key_file(any_plan):
    assert not [r.address for r in any_plan.resources if r.type == "google_service_account_key"]


def test_who_makes_clusters_has_no_agents_rights(any_plan):
    grants = any_plan.grants()
    makers = {who for who, role, _ in grants if role in CREATES}
    agents = {
        who
        for who, _, target in grants
        if target == f"topic:{names.TOPIC_REQUESTS}" or target.startswith(f"subscription:{names.TOPIC_EVENTS}-")
    } - {who for who, _, _ in grants if "@gcp-sa-pubsub" in who}

    assert PROVISION in makers
    assert not makers & agents
    assert agents <= {AGENT}


def test_rights_on_clusters_are_the_functions_alone_and_in_the_burst_project(plan_with):
    for plan in (plan_with(iam_mode="predefined"), plan_with(iam_mode="custom")):
        clusters = {
            (who, target)
            for who, role, target in plan.grants()
            if role.startswith(("roles/container.", "custom:provision", "custom:teardown")) and who != NODES
        }
        assert clusters == {(PROVISION, "project:my-bursts"), (TEARDOWN, "project:my-bursts")}


def test_secrets_are_opened_by_the_provision_function_alone_each_by_its_name(any_plan):
    openers = [grant for grant in any_plan.grants() if "secret" in grant[1].lower()]

    assert openers == [(PROVISION, "roles/secretmanager.secretAccessor", "secret_id:overspill-private-keys")]


def test_nodes_read_images_and_have_gkes_least_role_only(any_plan):
    assert sorted((role, target.split(":")[0]) for who, role, target in any_plan.grants() if who == NODES) == [
        ("roles/artifactregistry.reader", "project"),
        ("roles/container.defaultNodeServiceAccount", "project"),
    ]


def test_only_provision_makes_nodes_that_act_as_the_nodes_account(any_plan):
    acting = {
        (who, role, target) for who, role, target in any_plan.grants() if target.startswith("service_account_id:")
    }
    users = {(who, target) for who, role, target in acting if role == "roles/iam.serviceAccountUser"}

    assert users == {(PROVISION, "service_account_id:nodes")}
    assert {target for _, role, target in acting if role == "roles/iam.serviceAccountTokenCreator"} == {
        "service_account_id:push"
    }


def test_agents_identity_is_each_leads_own_account(plan):
    identities = {
        who
        for who, role, target in plan.grants()
        if role == "roles/iam.workloadIdentityUser" and target.endswith("agent")
    }

    assert identities == {
        "serviceAccount:my-project.svc.id.goog[flux/lead-overspill]",
        "serviceAccount:other-project.svc.id.goog[default/flux]",
    }


def test_push_and_build_can_do_one_thing(any_plan):
    may = {who: {role for other, role, _ in any_plan.grants() if other == who} for who in (PUSH, BUILD)}

    assert may == {
        PUSH: {"roles/run.invoker"},
        BUILD: {"roles/storage.objectViewer", "roles/artifactregistry.writer", "roles/logging.logWriter"},
    }


# -- functions


def test_functions_are_reached_by_push_alone(any_plan):
    invokers = {(who, target) for who, role, target in any_plan.grants() if "run." in role}

    assert invokers == {(PUSH, "service:overspill-provision"), (PUSH, "service:overspill-teardown")}
    for function in any_plan.all("google_cloudfunctions2_function"):
        assert function.values["event_trigger"] == []
        assert function.block("service_config")["ingress_settings"] == "ALLOW_INTERNAL_ONLY"


def test_functions_serve_one_delivery_an_instance_within_the_ack_deadline(any_plan):
    for function in any_plan.all("google_cloudfunctions2_function"):
        service = function.block("service_config")
        assert service["max_instance_request_concurrency"] == 1
        assert service["timeout_seconds"] < 600
        assert function.refers("service_config", "service_account_email") == {
            ("google_service_account", "function", function.key)
        }
    assert function.refers("build_config", "service_account") == {("google_service_account", "build", None)}


@pytest.mark.parametrize("secrets", ["OVERSPILL_PRIVATE_KEY"])
def test_only_provision_is_given_a_secret_by_its_version(any_plan, secrets):
    given = {
        function.key: [item["key"] for item in function.block("service_config")["secret_environment_variables"]]
        for function in any_plan.all("google_cloudfunctions2_function")
    }

    assert given == {PROVISION: [secrets], TEARDOWN: []}


def test_private_key_is_written_only(any_plan):
    (version,) = any_plan.all("google_secret_manager_secret_version")

    assert version.values["secret_data"] is None
    assert "private" not in json.dumps(any_plan.outputs).lower()


# -- network


def test_ranges_hold_every_node_and_pod_of_every_burst(any_plan):
    (subnetwork,) = [r for r in any_plan.all("google_compute_subnetwork") if r.name == "burst"]
    (function,) = [r for r in any_plan.all("google_cloudfunctions2_function") if r.key == PROVISION]
    environ = function.block("service_config")["environment_variables"]
    bursts, nodes = int(environ["OVERSPILL_MAX_BURSTS"]), int(environ["OVERSPILL_MAX_NODES_PER_BURST"])
    nodes_range = ipaddress.ip_network(subnetwork.values["ip_cidr_range"])
    pods_range = ipaddress.ip_network(subnetwork.values["secondary_ip_range"][0]["ip_cidr_range"])

    assert function.block("service_config")["max_instance_count"] >= bursts + 2
    assert nodes_range.num_addresses >= bursts * (nodes + 1) + 4
    assert nodes_range.num_addresses < 4 * bursts * (nodes + 4) + 16, "and not much more"
    assert pods_range.num_addresses >= bursts * (nodes * 2 * BURST_MAX_PODS_PER_NODE + 2 * GKE_MAX_PODS_PER_NODE)
    assert not nodes_range.overlaps(pods_range)


def test_firewall_is_open_to_nodes_and_pods_on_the_leads_ports(plan):
    rule = plan.one("google_compute_firewall", "burst_to_lead", 0).values
    subnetwork = plan.one("google_compute_subnetwork", "burst").values

    assert sorted(rule["source_ranges"]) == sorted(
        [subnetwork["ip_cidr_range"], subnetwork["secondary_ip_range"][0]["ip_cidr_range"]]
    )
    assert rule["allow"] == [{"protocol": "tcp", "ports": ["8050", "8051"]}]


# -- all of it


def test_all_that_can_have_labels_says_whose_it_is(any_plan):
    labelled = [
        r for r in any_plan.resources if "labels" in r.values and r.type != "google_monitoring_notification_channel"
    ]

    assert len(labelled) > 10
    for resource in labelled:
        assert (resource.values["labels"] or {}).get("deployment"), resource.address
        assert "overspill" not in resource.values["labels"], "that marks what the functions may delete"


def test_nobody_is_kept_from_getting_out(any_plan):
    files = [*(ROOT / MODULE).rglob("*.tf")]

    assert files
    assert not [file for file in files if "prevent_destroy" in file.read_text()]
    assert any_plan.one("google_storage_bucket", "sources").values["force_destroy"] is True
    assert any_plan.one("google_secret_manager_secret", "private_keys").values["deletion_protection"] is True


def test_alerts_tell_somebody(plan):
    for policy in plan.all("google_monitoring_alert_policy"):
        assert policy.block("documentation")["content"], policy.address
    assert plan.one("google_monitoring_notification_channel", "email", 0).values["labels"] == {
        "email_address": "hpc@example.com"
    }


@pytest.mark.parametrize(("part", "field"), [("functions", "message"), ("agent", "code")])
def test_metrics_count_what_the_code_logs(plan, part, field):
    code = "\n".join(path.read_text() for path in (ROOT / part).rglob("*.py"))
    filters = [metric.values["filter"] for metric in plan.all("google_logging_metric")]
    counted = [value for text in filters for value in re.findall(rf'jsonPayload\.{field}="([^"]+)"', text)]

    assert counted
    assert not [value for value in counted if f'"{value}"' not in code]


def test_errors_are_what_functions_write_and_not_cloud_runs_note_of_each_503(plan):
    failures = plan.one("google_logging_metric", "this", "failures").values["filter"]

    assert "severity>=ERROR" in failures
    assert 'NOT logName:"run.googleapis.com%2Frequests"' in failures


GRANTED_BEFORE_A_BUILD = {
    *("google_artifact_registry_repository_iam_member.build_pushes", "google_project_iam_member.build_logs"),
    *("google_project_iam_member.build_reads_copy", "google_storage_bucket_iam_member.build_reads"),
}


def test_functions_are_built_once_the_build_account_has_all_its_rights():
    """A build that begins before fails, and the apply with it. (Plans do not show depends_on.)"""
    text = (ROOT / MODULE / "functions.tf").read_text()
    granted = set(re.findall(r'resource "(\w+)" "(build_\w+)"', (ROOT / MODULE / "iam.tf").read_text()))

    assert {f"{kind}.{name}" for kind, name in granted} == GRANTED_BEFORE_A_BUILD
    assert not [grant for grant in GRANTED_BEFORE_A_BUILD if f"    {grant},\n" not in text]
