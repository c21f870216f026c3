"""What the agent may do in Pub/Sub, and its key. Pure.

Source: Pub/Sub's documentation of roles and permissions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from overspill_agent.doctor.examination import Access, PubSubResource, PubSubRights
from overspill_agent.doctor.finding import Finding

if TYPE_CHECKING:
    from overspill_shared.errors import ConfigError

CONSUME: Final = "pubsub.subscriptions.consume"
PUBLISH: Final = "pubsub.topics.publish"

_ROLES: Final = {CONSUME: "roles/pubsub.subscriber", PUBLISH: "roles/pubsub.publisher"}


def check_sealing_key(refusal: ConfigError | None) -> Finding:
    """Find that there is no key to seal the curve certificate with."""
    code = "sealing-key"
    if refusal is not None:
        return Finding.of_error(code, refusal)
    return Finding.ok(code, "The deployment's public key is set.")


def check_pubsub(rights: PubSubRights) -> tuple[Finding, ...]:
    """Find topics and the subscription that are not there, or that the agent may not use; one finding for each."""
    if rights.skipped:
        return (Finding.skipped("pubsub", rights.skipped),)
    return tuple(_check_resource(resource, is_emulator=rights.is_emulator) for resource in rights.resources)


def _check_resource(resource: PubSubResource, *, is_emulator: bool) -> Finding:
    code = "pubsub-subscription" if resource.permission == CONSUME else "pubsub-topic"
    path = resource.path
    match resource.access:
        case Access.GRANTED:
            return Finding.ok(code, f"{path} may be used ({resource.permission}).")
        case Access.EXISTS:
            return Finding.ok(code, f"{path} exists; this Pub/Sub knows no rights.")
        case Access.MISSING if is_emulator and code == "pubsub-subscription":
            return Finding.ok(code, f"{path} does not exist yet; on an emulator the agent makes it.")
        case Access.MISSING:
            return Finding.error(code, f"{path} does not exist.", remedy=_missing_remedy(code))
        case Access.REFUSED:
            return Finding.error(
                code,
                f"This account lacks {resource.permission} on {path}.",
                remedy=f"Grant it {_ROLES[resource.permission]} there (terraform does so for the agent's account).",
            )
        case Access.UNKNOWN:
            return Finding.error(
                code,
                f"Pub/Sub did not answer about {path}: {resource.detail}.",
                remedy="Check credentials, PUBSUB_EMULATOR_HOST and the network.",
            )


def _missing_remedy(code: str) -> str:
    if code == "pubsub-subscription":
        return "Add this lead's id to the deployment's `leads` and apply it (terraform apply)."
    return "Deploy it (terraform apply), or correct the project."
