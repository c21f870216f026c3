import tomllib

import pytest
from tests.unit.overspill_agent.examples import CONFIG, make_facts

from overspill_agent.doctor import broker_checks as checks
from overspill_agent.doctor.examination import CurveCertFile
from overspill_agent.ports import InstanceHealth
from overspill_shared.errors import ConfigError

KEY_FILE = "/etc/flux/curve.cert"


def health_of(**changes):
    return InstanceHealth(online=frozenset(), drained=frozenset(), **changes)


@pytest.mark.parametrize(("directory", "severity"), [("/var/lib/flux", "ok"), (None, "error")])
def test_state_directory_must_outlive_the_broker(directory, severity):
    finding = checks.check_state_directory(health_of(state_directory=directory))

    assert finding.severity == severity
    assert ("-Sstatedir=" in finding.remedy) == (severity == "error")


@pytest.mark.parametrize(
    ("cert", "severity", "told"),
    [
        (CurveCertFile(path=KEY_FILE, is_readable=True, mode=0o600), "ok", "readable, and private"),
        (CurveCertFile(path=KEY_FILE, is_readable=True, mode=0o400), "ok", "readable, and private"),
        (CurveCertFile(path=KEY_FILE, is_readable=True, mode=0o640), "error", "mode 0640"),
        (CurveCertFile(path=KEY_FILE, is_readable=True, mode=0o604), "error", "mode 0604"),
        (CurveCertFile(path=KEY_FILE, is_readable=False, mode=0o600), "error", "cannot be read by this user"),
        (CurveCertFile(path=KEY_FILE), "error", "does not exist here"),
        (CurveCertFile(path=None), "error", "is not set"),
    ],
)
def test_curve_cert_must_be_readable_by_the_agent_alone(cert, severity, told):
    finding = checks.check_curve_cert(cert)

    assert (finding.severity, told in finding.text) == (severity, True)


@pytest.mark.parametrize(
    ("topology", "severity"),
    [
        (None, "ok"),
        ("kary:0", "ok"),
        ("kary:256", "ok"),
        ("kary:9", "ok"),
        ("kary:8", "error"),
        ("kary:2", "error"),
        ("binomial", "error"),
    ],
)
def test_topology_of_ten_ranks_must_be_flat(topology, severity):
    finding = checks.check_topology(make_facts(topology=topology), "burst")

    assert finding.severity == severity
    if severity == "error":
        assert tomllib.loads(finding.config) == {"tbon": {"topo": "kary:0"}}


@pytest.mark.parametrize(("parent", "severity"), [("lead-0", "ok"), ("lead-1", "error")])
def test_topology_with_parents_must_have_rank_0_alone(parent, severity):
    hosts = [*CONFIG["bootstrap"]["hosts"], {"host": "burst-1-3", "parent": parent}, "not a table"]
    finding = checks.check_topology(make_facts(config={"bootstrap": {"hosts": hosts}}), "burst")

    assert finding.severity == severity


@pytest.mark.parametrize(
    ("config", "severity"), [({"tbon": {"tcp_user_timeout": "2m"}}, "ok"), ({"tbon": {}}, "warning"), ({}, "warning")]
)
def test_link_timeout_should_be_set(config, severity):
    assert checks.check_link_timeout(make_facts(config=config)).severity == severity


@pytest.mark.parametrize(
    ("code", "severity", "has_config"),
    [("lead-address", "error", True), ("identity", "error", False), ("topology", "skipped", False)],
)
def test_identity_that_is_refused_is_told_in_its_words(code, severity, has_config):
    finding = checks.check_identity(ConfigError("lead_host: none.", remedy="Set it.", code=code))

    assert finding.severity == severity
    assert bool(finding.config) == has_config
    assert checks.check_identity(None).severity == "ok"


@pytest.mark.parametrize(
    ("image", "severity"),
    [
        ("example.org/flux-view:0.88.0", "ok"),
        ("example.org:5000/flux-view:0.88.3-rocky9", "ok"),
        ("example.org/flux-view:rocky9-v0.88.1@sha256:" + "0" * 64, "ok"),
        ("example.org/flux-view:0.87.0", "error"),
        ("example.org/flux-view:1.88.0", "error"),
        ("ghcr.io/converged-computing/flux-view-rocky:tag-9", "warning"),
        ("example.org/0.88.0/flux-view", "warning"),
        ("example.org/flux-view:10.88.0.1", "error"),
    ],
)
def test_image_version_must_be_the_leads_release(image, severity):
    assert checks.check_image_version(make_facts(flux_version="0.88.0-59-g1234"), image).severity == severity


@pytest.mark.parametrize(
    ("bindings", "severity"), [("0.88.0", "ok"), ("0.88.4-1", "ok"), ("0.87.0", "warning"), (None, "skipped")]
)
def test_bindings_should_be_the_brokers(bindings, severity):
    facts = make_facts(flux_version="0.88.0-59-g1234")

    assert checks.check_bindings(facts, health_of(bindings_version=bindings)).severity == severity
