"""Each lead's settings file, as Terraform puts it out, read as `overspill agent --config` reads it."""

import pytest
from tests.terraform.offline import MODULE, ROOT, VARIABLES

from overspill_agent.agent_settings import AgentSettings, TemplateSettings, load_agent_settings
from overspill_shared.volumes import NfsExport, Volume

CLAIM = "volumes.claim"
"""Existing claims are for clusters that exist, which Terraform makes none of."""


@pytest.fixture(scope="module")
def load(plan, tmp_path_factory):
    """Give a function that loads a lead's file."""

    def read(lead):
        file = tmp_path_factory.mktemp("settings") / f"{lead}.toml"
        file.write_text(plan.outputs["agent_settings"][lead])
        return load_agent_settings({}, file=file)

    return read


def test_file_says_whose_agent_it_is(load):
    settings = load("lead")

    assert (settings.project, settings.deployment, settings.lead_id) == ("my-project", "default", "lead")
    assert settings.sealing_key(None) == VARIABLES["public_key"]
    assert (settings.max_lifetime_s, settings.max_bursts) == (28800, 4)
    assert (settings.lead_host, settings.lead_port) == (None, 8050)


def test_file_says_the_address_that_was_said(load):
    assert (load("other").lead_host, load("other").lead_port) == ("10.1.2.3", 8051)


def test_file_has_slots_and_templates_as_they_were_said(load):
    settings = load("lead")

    assert {name: slot.template for name, slot in settings.slots.items()} == {"burst-0": "hpc", "gpu-0": "gpu"}
    assert settings.templates == {
        name: TemplateSettings.model_validate(said) for name, said in VARIABLES["templates"].items()
    }
    assert load("other").slots == {}


def test_file_has_further_settings_with_their_types(load):
    settings = load("lead")

    assert settings.idle_timeout_s == 900
    assert settings.accepts_partial_join is True
    assert settings.burst_property == "burst"


def test_template_variable_has_every_field_of_a_template():
    text = (ROOT / MODULE / "variables.tf").read_text()
    variable = text[text.index('variable "templates"') :].split("validation", 1)[0]
    missing = [
        f"{owner}{name}"
        for owner, model in (("", TemplateSettings), ("volumes.", Volume), ("volumes.nfs.", NfsExport))
        for name in model.model_fields
        if f" {name} " not in variable.replace("=", " = ").replace("  ", " ").replace("{", " ")
    ]

    assert missing == [CLAIM]


def test_settings_that_variables_give_are_not_given_twice():
    text = (ROOT / MODULE / "variables.tf").read_text()
    refused = text[text.index('variable "agent"') :].split("])", 1)[0]
    given = {"project", "deployment", "lead_id", "lead_host", "lead_port", "public_key", "max_lifetime_s", "max_bursts"}

    assert given | {"slots", "templates"} <= set(AgentSettings.model_fields)
    assert all(f'"{name}"' in refused for name in given | {"slots", "templates"})
