import os

import pytest
from tests.unit.overspill_agent.examples import CONFIG, SLOT_0, make_burst, make_facts
from tests.unit.overspill_agent.in_memory_flux import FakeFlux, Ranks

from overspill_agent.agent_settings import AgentSettings
from overspill_agent.doctor import collect, command
from overspill_agent.doctor.examination import CurveCertFile
from overspill_agent.store import BurstStore
from overspill_shared.errors import ConfigError, FluxUnavailable


@pytest.fixture
def examine(clock, faults):
    """Give a function that examines an instance in memory with these settings and facts."""

    def examine(*, bursts=(), facts=None, **settings):
        flux = FakeFlux(Ranks(), clock, faults, facts)
        BurstStore(flux).save(*bursts)
        return collect.examine(flux, AgentSettings(**settings), {})

    return examine


def test_examine_collects_the_instance_and_the_settings(examine, keypair):
    found = examine(public_key=keypair[0], view_image="example.org/view:1")

    assert found.facts == make_facts()
    assert [slot.name for slot in found.slots] == ["burst-0", "burst-1"]
    assert found.view_image == "example.org/view:1"
    assert (found.slots_refusal, found.identity_refusal, found.key_refusal) == (None, None, None)
    assert found.curve_cert.path == CONFIG["bootstrap"]["curve_cert"]
    assert "no project is set" in found.pubsub.skipped


@pytest.mark.parametrize(
    ("settings", "field", "code"),
    [
        ({"slots": {"burst-9": {}}}, "slots_refusal", "slot-unknown"),
        ({}, "key_refusal", "public-key"),
        ({"public_key_file": "/nonexistent/key"}, "key_refusal", "public-key"),
        (
            {"facts": make_facts(config={"bootstrap": {"hosts": [{"host": "lead-0"}]}})},
            "identity_refusal",
            "lead-address",
        ),
    ],
)
def test_examine_keeps_what_the_agent_would_refuse(examine, settings, field, code):
    assert getattr(examine(**settings), field).code == code


def test_examine_counts_the_ranks_of_bursts_that_are_not_gone(examine):
    bursts = (make_burst("ACTIVE"), make_burst("GONE", slot="burst-1", generation=1))

    assert examine(bursts=bursts).burst_ranks == SLOT_0


def test_cert_is_looked_at_without_reading_it(tmp_path):
    cert = tmp_path / "curve.cert"
    cert.write_text("secret")
    cert.chmod(0o640)

    assert collect.look_at_cert(str(cert)) == CurveCertFile(
        path=str(cert), is_readable=os.access(cert, os.R_OK), mode=0o640
    )
    assert collect.look_at_cert(str(tmp_path / "none")) == CurveCertFile(path=str(tmp_path / "none"))
    assert collect.look_at_cert(None) == collect.look_at_cert(7) == CurveCertFile(path=None)


def test_plugins_given_by_a_path_are_read(tmp_path):
    plugin, missing = tmp_path / "own.py", tmp_path / "missing.py"
    plugin.write_text("burstable")
    config = {"ingest": {"frobnicator": {"plugins": [str(plugin), str(missing), "defaults"]}}}

    assert collect.read_plugins(config) == {str(plugin): "burstable", str(missing): None}


class Broken:
    """An instance whose facts cannot be read."""

    def __init__(self, error):
        self.error = error

    def facts(self):
        raise self.error


def test_instance_without_resources_is_a_finding_with_its_configuration():
    error = ConfigError("resource.path: Flux has no R.", remedy="Write one.", code="resource-path")
    (finding,) = command.find(Broken(error), AgentSettings(), {})

    assert (finding.code, finding.severity) == ("resource-path", "error")
    assert finding.config == '[resource]\npath = "/etc/flux/R"\n'


def test_instance_that_goes_away_is_no_finding():
    with pytest.raises(FluxUnavailable):
        command.find(Broken(FluxUnavailable("gone")), AgentSettings(), {})
