"""The curve certificate travels sealed, and shows up nowhere that anybody reads."""

import base64
import json
import re

from overspill_local.flux_operator.controller import MINICLUSTERS
from overspill_local.flux_operator.kube_client import KubeClient
from overspill_shared import names
from overspill_shared.adapters.gcp_clients import cluster_manager_client

PROJECT_SUBSCRIPTIONS = "projects/overspill-local/subscriptions"


def test_curve_key_shows_up_in_no_log_event_message_label_or_object(lead):
    cloud = lead.cloud
    tap_every_topic(cloud)
    lead.start_agent()
    lead.submit(command=("sleep", "0.5"))
    lead.wait_for_state("ACTIVE")
    objects = json.dumps(kubernetes_objects(cloud))
    labels = json.dumps([dict(cluster.resource_labels) for cluster in gke_clusters(cloud)])
    lead.wait_for_state("GONE")

    places = {
        "logs": "\n".join(file.read_text(errors="replace") for file in (cloud.cloud.folder / "log").iterdir()),
        "events": json.dumps([event.as_json() for event in cloud.cloud.timeline.events], default=str),
        "messages": "\n".join(messages(cloud)),
        "labels": labels,
        "objects": objects,
        "status": json.dumps(lead.bursts()),
    }
    secrets = secret_texts(lead.curve_cert())
    assert secrets
    assert all(places.values()), {name: len(text) for name, text in places.items()}
    found = {(name, secret[:8]) for name, text in places.items() for secret in secrets if secret in text}
    assert not found


def test_secret_texts_are_what_a_certificate_holds():
    text = 'metadata\n    hostname = "vm"\ncurve\n    public-key = "abcdefghij"\n    secret-key = "klmnopqrst"\n'
    assert {"abcdefghij", "klmnopqrst"} <= secret_texts(text)


def secret_texts(certificate):
    """Give the keys in a certificate, and the whole as a Secret or a message would encode it."""
    keys = {value for name, value in re.findall(r'([\w-]*key[\w-]*)\s*=\s*"([^"]+)"', certificate)}
    return keys | {base64.b64encode(certificate.encode()).decode()}


def tap_every_topic(cloud):
    for topic in names.TOPICS:
        request = {"name": f"{PROJECT_SUBSCRIPTIONS}/{topic}-all", "topic": f"projects/overspill-local/topics/{topic}"}
        cloud.subscriber.create_subscription(request=request)


def messages(cloud):
    """Give every message's body and attributes as text."""
    received = []
    for topic in names.TOPICS:
        cloud._pull(f"{PROJECT_SUBSCRIPTIONS}/{topic}-all", received)
    return [message.data.decode() + json.dumps(dict(message.attributes)) for message in received]


def gke_clusters(cloud):
    client = cluster_manager_client({"GKE_EMULATOR_HOST": cloud.cloud.endpoints["gke"]})
    return list(client.list_clusters(parent="projects/overspill-local/locations/-").clusters)


def kubernetes_objects(cloud):
    """Give every object of the burst's cluster but Secrets: the one place that the key may be in."""
    (cluster,) = gke_clusters(cloud)
    return cloud.call(list_objects(cluster, cloud.cloud._metadata.token))


async def list_objects(cluster, token):
    authority = base64.b64decode(cluster.master_auth.cluster_ca_certificate)
    kinds = ("namespaces", "configmaps", "pods", "events", "services", "serviceaccounts")
    paths = [f"/api/v1/{kind}" for kind in kinds] + [MINICLUSTERS, "/apis/apps/v1/deployments"]
    endpoint = cluster.control_plane_endpoints_config.dns_endpoint_config.endpoint
    async with KubeClient(f"https://{endpoint}", ca_pem=authority, token=token) as client:
        return [(await client.call("GET", path))["items"] for path in paths]
