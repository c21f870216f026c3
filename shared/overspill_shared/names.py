"""Names and ids: what a burst, its cluster, its labels and its topics are called.

A burst's id is a content hash of what makes it, so a duplicate, a retry and a restarted agent all arrive at the same
cluster. Pure: the time and everything else that goes into a name is an argument.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

from overspill_shared.hostlist import host_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TOPIC_REQUESTS: Final = "overspill-requests"
TOPIC_TEARDOWNS: Final = "overspill-teardowns"
TOPIC_LEASES: Final = "overspill-leases"
TOPIC_SWEEPS: Final = "overspill-sweeps"
TOPIC_EVENTS: Final = "overspill-events"
TOPICS: Final = (TOPIC_REQUESTS, TOPIC_TEARDOWNS, TOPIC_LEASES, TOPIC_SWEEPS, TOPIC_EVENTS)

BURST_ID_PATTERN: Final = r"^[0-9a-f]{32}$"
CLUSTER_NAME_PATTERN: Final = r"^overspill-[0-9a-f]{12}$"
NAME_PATTERN: Final = r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"
"""Lead ids, deployments, slots and templates: safe as label value, attribute and part of a Pub/Sub name."""

MAX_LABEL_VALUE: Final = 63
"""Kubernetes and GKE: longest label value."""

LABEL_OURS: Final = "overspill"
LABEL_DEPLOYMENT: Final = "deployment"
LABEL_LEAD: Final = "lead"
LABEL_BURST_ID: Final = "burst-id"
LABEL_GENERATION: Final = "generation"
LABEL_REVISION: Final = "revision"
LABEL_EXPIRES: Final = "expires"
LABEL_SPEC_HASH: Final = "spec-hash"


def canonical_json(content: Any) -> bytes:
    """Give the one JSON text of a value: sorted keys, no white space, UTF-8."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def content_hash(content: Any) -> str:
    """Give the SHA-256 of a value's canonical JSON, in hex."""
    return hashlib.sha256(canonical_json(content)).hexdigest()


def burst_id(content: Mapping[str, Any]) -> str:
    """Give a burst's id: 32 hex digits of the hash of what makes it (messages.BurstRequest.identity).

    128 bits: no collision in practice, and short enough for a label value.

    >>> burst_id({"zone": "us-central1-a"})
    '1b0ab5dea9dffd1b511686c2e33bb036'
    """
    return content_hash(content)[:32]


def cluster_name(burst: str) -> str:
    """Give the name of a burst's cluster; GKE allows 40 characters, this has 22.

    >>> cluster_name("0123456789abcdef0123456789abcdef")
    'overspill-0123456789ab'
    """
    if not re.fullmatch(BURST_ID_PATTERN, burst):
        raise ValueError(f"{burst[:60]!r} is not a burst id: 32 hex digits are")
    return f"overspill-{burst[:12]}"


def is_cluster_name(name: str) -> bool:
    """Tell whether a cluster's name is of our form (which alone does not make it ours)."""
    return re.fullmatch(CLUSTER_NAME_PATTERN, name) is not None


def label_value(text: str) -> str:
    """Give `text` as a label value: lowercase, [a-z0-9_-], at most 63 characters, never two texts alike.

    A text that is a label value already stays as it is; any other gets the first 8 hex digits of its hash.

    >>> label_value("lead-0"), label_value("Lead.0")
    ('lead-0', 'lead-0-43585c62')
    """
    if len(text) <= MAX_LABEL_VALUE and re.fullmatch(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?", text):
        return text
    safe = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[: MAX_LABEL_VALUE - 9]
    return f"{safe or 'x'}-{hashlib.sha256(text.encode()).hexdigest()[:8]}".strip("-")


def lead_id(first_host: str) -> str:
    """Give the default lead id: the host prefix of rank 0, made a name.

    >>> lead_id("lead-0"), lead_id("Login.Node")
    ('lead', 'login-node')
    """
    name = re.sub(r"[^a-z0-9]+", "-", host_prefix(first_host).lower()).strip("-")[:40].strip("-")
    if not name:
        raise ValueError(f"no lead id can be made of the host name {first_host!r}: set lead_id")
    return name


def events_subscription(lead: str) -> str:
    """Give the name of a lead's own subscription on the events topic."""
    return f"{TOPIC_EVENTS}-{lead}"


def dead_letter_topic(topic: str) -> str:
    """Give the name of a topic's dead-letter topic."""
    return f"{topic}-dead"


def next_generation(now: float, used: Iterable[int]) -> int:
    """Give a generation that no burst of this instance has: epoch seconds, moved past the ones in use.

    Epoch seconds keep it unique even where the record of earlier bursts was lost.
    """
    taken = set(used)
    candidate = int(now)
    while candidate in taken:
        candidate += 1
    return candidate


def cluster_labels(
    *, deployment: str, lead: str, burst: str, generation: int, expires_at: float, revision: int = 1
) -> dict[str, str]:
    """Give the labels that make a cluster ours, and say of which burst, and which version of its size, it is."""
    return {
        **object_labels(deployment=deployment, lead=lead, burst=burst),
        LABEL_GENERATION: str(generation),
        LABEL_REVISION: str(revision),
        LABEL_EXPIRES: str(int(expires_at)),
    }


def object_labels(*, deployment: str, lead: str, burst: str) -> dict[str, str]:
    """Give the labels of a burst's Kubernetes objects."""
    return {
        LABEL_OURS: "true",
        LABEL_DEPLOYMENT: label_value(deployment),
        LABEL_LEAD: label_value(lead),
        LABEL_BURST_ID: burst,
    }


def is_ours(
    name: str,
    labels: Mapping[str, str],
    *,
    deployment: str,
    burst: str | None = None,
    lead: str | None = None,
) -> bool:
    """Tell whether a cluster is ours beyond doubt: name, labels, deployment, and the burst id behind the name.

    `burst` and `lead`, where given, must match too. Only such a cluster may ever be deleted.
    """
    labelled = labels.get(LABEL_BURST_ID, "")
    return (
        is_cluster_name(name)
        and labels.get(LABEL_OURS) == "true"
        and labels.get(LABEL_DEPLOYMENT) == label_value(deployment)
        and re.fullmatch(BURST_ID_PATTERN, labelled) is not None
        and cluster_name(labelled) == name
        and (burst is None or labelled == burst)
        and (lead is None or labels.get(LABEL_LEAD) == label_value(lead))
    )
