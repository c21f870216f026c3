from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from overspill_local.flux_brokers import LeadLayout, relocate_curve_cert
from overspill_shared import hostlist
from overspill_shared.broker_toml import CURVE_CERT_PATH, bootstrap_hosts, build_burst_config, lead_address
from overspill_shared.errors import ConfigError
from overspill_shared.idset import parse_idset
from overspill_shared.lead_config import Scheduler

DIRECTORY = Path("/tmp/ovs")


def layout(**changes):
    settings = {"directory": DIRECTORY, "port": 8050, "frobnicator_path": Path("/plugins/frob.py"), **changes}
    return LeadLayout(**settings)


def test_hosts_are_the_leads_own_and_then_the_slots():
    lead = layout(local_nodes=3, slot_name="burst-1", slot_nodes=2)

    assert lead.hosts == ("lead-0", "lead-1", "lead-2", "burst-1-0", "burst-1-1")
    assert list(lead.local_ranks) == [0, 1, 2]
    assert list(lead.slot_ranks) == [3, 4]


def test_config_declares_every_host_and_where_the_lead_listens():
    lead = layout()

    assert bootstrap_hosts(lead.config()) == lead.hosts
    assert lead_address(lead.config()) == ("127.0.0.1", 8050)


def test_config_sends_jobs_home_by_default_and_burstable_ones_to_the_slot():
    config = layout().config()

    assert config["queues"] == {"local": {"requires": ["^burst"]}, "burst": {"requires": ["burst"]}}
    assert config["policy"]["jobspec"]["defaults"]["system"]["queue"] == "local"
    assert config["ingest"]["frobnicator"]["plugins"] == ["/plugins/frob.py", "defaults", "constraints"]


def test_config_for_fluxion_counts_cores_and_not_nodes_that_are_up():
    config = layout(scheduler=Scheduler.FLUXION).config()

    assert config["sched-fluxion-resource"]["prune-filters"] == "ALL:core"
    assert "modules" not in config


def test_config_for_sched_simple_chooses_it():
    config = layout(scheduler=Scheduler.SIMPLE).config()

    assert config["modules"]["alternatives"] == {"sched": "sched-simple", "feasibility": "sched-simple"}
    assert not any(key.startswith("sched-fluxion") for key in config)


def test_config_takes_further_tables():
    assert layout(more_config={"tbon": {"torpid_max": "3s"}}).config()["tbon"] == {"torpid_max": "3s"}


def test_resource_set_declares_all_ranks_and_marks_the_slots():
    lead = layout(cores=4)
    execution = lead.resource_set()["execution"]

    assert [(entry["rank"], entry["children"]) for entry in execution["R_lite"]] == [("0-5", {"core": "0-3"})]
    assert hostlist.expand(execution["nodelist"][0]) == lead.hosts
    assert parse_idset(execution["properties"]["burst"]) == set(lead.slot_ranks)


def test_files_lie_where_the_brokers_look_for_them():
    lead = layout()
    files = lead.files

    assert tomllib.loads(files[lead.config_directory / "broker.toml"]) == lead.config()
    assert json.loads(files[Path(lead.config()["resource"]["path"])]) == lead.resource_set()
    assert {path.parent for path in files} <= set(lead.directories)


def test_directories_come_after_their_parents():
    directories = layout().directories

    assert directories[0] == DIRECTORY
    assert all(path.parent in directories[:place] for place, path in enumerate(directories) if place)


def test_lead_broker_waits_for_its_own_ranks_only_and_keeps_its_state():
    argv = layout(local_nodes=3).local_argv(0)

    assert argv[:2] == ["flux", "broker"]
    assert "-Shostname=lead-0" in argv
    assert "-Sbroker.quorum=3" in argv
    assert f"-Sstatedir={DIRECTORY}/state" in argv
    assert f"-Slocal-uri={layout().uri}" in argv


def test_other_local_brokers_are_followers_with_the_leads_configuration():
    argv = layout().local_argv(1)

    assert "-Shostname=lead-1" in argv
    assert f"--config-path={DIRECTORY}/lead" in argv
    assert not any("quorum" in argument or "statedir" in argument for argument in argv)


def test_slots_brokers_have_the_bursts_configuration_and_directories_of_their_own():
    lead = layout()
    argvs = [lead.follower_argv(rank, Path("/b")) for rank in lead.slot_ranks]

    assert all("--config-path=/b" in argv for argv in argvs)
    assert [argv[3] for argv in argvs] == [f"-Shostname=burst-0-{index}" for index in range(4)]
    assert len({argv[4] for argv in argvs} | {f"-Srundir={lead.run_directory(0)}"}) == 5


def test_wait_command_names_the_local_ranks_and_the_deadline():
    argv = layout(local_nodes=3).wait_argv(timeout_s=2.5)

    assert argv[:2] == ["flux", "python"]
    assert Path(argv[2]).is_file()
    assert argv[3:] == ["0-2", "2.5"]


def test_burst_config_with_the_certificate_moved_is_otherwise_the_same():
    lead = layout()
    text = build_burst_config(lead.config(), host="127.0.0.1", port=8050)

    moved = tomllib.loads(lead.burst_config(text))

    assert moved["bootstrap"]["curve_cert"] == f"{DIRECTORY}/curve.cert"
    moved["bootstrap"]["curve_cert"] = CURVE_CERT_PATH
    assert moved == tomllib.loads(text)


def test_burst_config_that_is_no_toml_is_refused():
    with pytest.raises(ConfigError):
        relocate_curve_cert("= nonsense", Path("/x"))


@pytest.mark.parametrize("directory", [Path("relative"), Path("/tmp") / ("x" * 90)])
def test_directory_that_cannot_hold_sockets_is_refused(directory):
    with pytest.raises(ConfigError, match="directory"):
        layout(directory=directory)
