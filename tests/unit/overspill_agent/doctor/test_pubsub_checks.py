import pytest

from overspill_agent.doctor import pubsub_checks as checks
from overspill_agent.doctor.examination import Access, PubSubResource, PubSubRights
from overspill_shared.errors import ConfigError


@pytest.mark.parametrize(
    ("access", "permission", "is_emulator", "severity", "told"),
    [
        (Access.GRANTED, checks.PUBLISH, False, "ok", "may be used"),
        (Access.EXISTS, checks.PUBLISH, True, "ok", "knows no rights"),
        (Access.MISSING, checks.PUBLISH, False, "error", "terraform apply"),
        (Access.MISSING, checks.PUBLISH, True, "error", "terraform apply"),
        (Access.MISSING, checks.CONSUME, False, "error", "`leads`"),
        (Access.MISSING, checks.CONSUME, True, "ok", "the agent makes it"),
        (Access.REFUSED, checks.PUBLISH, False, "error", "roles/pubsub.publisher"),
        (Access.REFUSED, checks.CONSUME, False, "error", "roles/pubsub.subscriber"),
        (Access.UNKNOWN, checks.PUBLISH, False, "error", "because it rains"),
    ],
)
def test_pubsub_resource_must_be_there_and_usable(access, permission, is_emulator, severity, told):
    resource = PubSubResource(path="projects/p/x/y", permission=permission, access=access, detail="because it rains")
    (finding,) = checks.check_pubsub(PubSubRights(resources=(resource,), is_emulator=is_emulator))

    assert finding.severity == severity
    assert "projects/p/x/y" in finding.text
    assert told in finding.text + finding.remedy


def test_pubsub_that_was_not_asked_is_skipped_with_the_reason():
    (finding,) = checks.check_pubsub(PubSubRights(skipped="no credentials"))

    assert (finding.severity, finding.text) == ("skipped", "no credentials")


def test_sealing_key_that_is_refused_is_told_in_its_words():
    assert checks.check_sealing_key(None).severity == "ok"
    finding = checks.check_sealing_key(ConfigError("public_key: none.", remedy="Set it."))
    assert (finding.severity, finding.text, finding.remedy) == ("error", "public_key: none.", "Set it.")
