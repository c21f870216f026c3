import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_agent.agent_settings import load_agent_settings
from overspill_agent.init import lead_files
from overspill_agent.init.lead_plan import build_plan
from overspill_agent.init.slot_spec import SlotSpec
from overspill_shared import sealing
from overspill_shared.broker_toml import bootstrap_hosts, build_burst_config, lead_address
from overspill_shared.lead_config import Scheduler, resource_set
from overspill_shared.names import NAME_PATTERN

IMAGES = dict.fromkeys(("app_image", "view_image", "agent_image", "router_image"), "image:1")


def test_broker_toml_declares_every_host_and_reads_r_from_the_config_map(make_plan):
    plan = make_plan()
    config = tomllib.loads(lead_files.broker_toml(plan))

    assert bootstrap_hosts(config) == plan.hosts
    assert config["resource"] == {"path": "/etc/overspill/R"}
    assert config["bootstrap"]["default_connect"] == "tcp://%h.lead.default.svc.cluster.local:%p"
    assert config["tbon"]["tcp_user_timeout"] == "2m"
    assert config["ingest"]["frobnicator"]["plugins"][0] == "/etc/overspill/flux_frobnicator.py"


def test_broker_toml_offers_no_internal_address_to_burst_nodes(make_plan):
    assert lead_address(tomllib.loads(lead_files.broker_toml(make_plan()))) is None


def test_burst_config_can_be_built_of_the_leads(make_plan):
    config = tomllib.loads(lead_files.broker_toml(make_plan()))

    burst = tomllib.loads(build_burst_config(config, host="lead.example.com", port=8050))

    assert burst["bootstrap"]["hosts"][0] == {"host": "lead-0", "connect": "tcp://lead.example.com:8050"}
    assert bootstrap_hosts(burst) == bootstrap_hosts(config)


@given(
    name=st.from_regex(NAME_PATTERN, fullmatch=True),
    namespace=st.from_regex(NAME_PATTERN, fullmatch=True),
    slot=st.from_regex(NAME_PATTERN, fullmatch=True),
    scheduler=st.sampled_from(Scheduler),
)
def test_broker_toml_survives_an_unquoted_heredoc(name, namespace, slot, scheduler):
    spec = SlotSpec(name=f"s{slot}"[:40].rstrip("-"), size=2, cores=1)
    if spec.name == name:
        return
    plan = build_plan(name=name, namespace=namespace, slots=(spec,), size=1, cores=1, scheduler=scheduler, **IMAGES)

    assert not set("$`\\") & set(lead_files.broker_toml(plan))


def test_r_is_what_the_plan_declares(make_plan):
    plan = make_plan()

    assert json.loads(lead_files.resource_text(plan)) == resource_set(plan.groups)
    assert lead_files.resource_text(plan).endswith("}\n")


def test_settings_with_everything_said_are_the_agents(make_plan, tmp_path):
    public, _ = sealing.generate_keypair()
    plan = make_plan(
        "burst-0=4:cores=4,machine=c2-standard-8,memory_mib=32768,zone=us-central1-a",
        "gpu-0=2:cores=8,gpus=1,template=gpu,machine=g2-standard-16,memory_mib=65536,zone=us-east1-b,price=2",
        project="my-project",
        deployment="prod",
        lead_host="lead.example.com",
        public_key=public,
    )
    text = lead_files.settings_toml(plan)
    (tmp_path / "settings.toml").write_text(text)

    settings = load_agent_settings({}, file=tmp_path / "settings.toml")

    assert "missing" not in text
    assert (settings.project, settings.deployment, settings.lead_id) == ("my-project", "prod", "lead")
    assert (settings.lead_host, settings.lead_port, settings.public_key) == ("lead.example.com", 8050, public)
    assert {name: slot.template for name, slot in settings.slots.items()} == {"burst-0": "default", "gpu-0": "gpu"}
    assert settings.templates["gpu"].machine_type == "g2-standard-16"
    assert (settings.templates["gpu"].gpus, settings.templates["gpu"].price_usd_per_h) == (1, 2)


def test_settings_tell_what_is_missing_and_are_settings_all_the_same(make_plan, tmp_path):
    text = lead_files.settings_toml(make_plan(has_router=True))
    (tmp_path / "settings.toml").write_text(text)

    settings = load_agent_settings({}, file=tmp_path / "settings.toml")

    assert settings.lead_host is None
    assert settings.lead_port == 8050
    for key in ("project", "lead_host", "public_key"):
        assert f'# {key} = ""' in text
    assert "# [templates.gpu]" in text


def test_settings_leave_the_address_to_the_agent_where_it_finds_the_service(make_plan):
    text = lead_files.settings_toml(make_plan())

    assert "lead_host" not in text
    assert "lead_port" not in text


def test_settings_without_their_comment_marks_are_toml_of_the_same_keys(make_plan):
    text = lead_files.settings_toml(make_plan(has_router=True))
    lines = [line.removeprefix("# ") if " = " in line or "[templates" in line else line for line in text.splitlines()]

    uncommented = tomllib.loads("\n".join(lines))

    assert {"project", "lead_host", "public_key"} <= set(uncommented)
    assert uncommented["templates"]["gpu"]["cores"] == 8


@pytest.mark.parametrize("word", ["lead", "burst-0", "default"])
def test_script_before_the_broker_holds_nothing_that_was_said(word):
    assert f"{word}/" not in lead_files.PRE
    assert f" {word}" not in lead_files.PRE
