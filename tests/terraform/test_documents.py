"""What docs/deploy.md and the module's page name exists."""

import re

from tests.terraform.offline import EXAMPLES, MODULE, ROOT

PAGES = (ROOT / "docs" / "deploy.md", ROOT / "docs" / "kind.md", ROOT / MODULE / "README.md")


BLOCK = re.compile(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)


def variables(folder):
    return set(re.findall(r'^variable "(\w+)"', "".join(f.read_text() for f in folder.glob("*.tf")), re.MULTILINE))


def test_links_lead_somewhere():
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_variables_that_the_guide_sets_exist_in_every_example():
    named = set(re.findall(r"TF_VAR_(\w+)", PAGES[0].read_text())) | {"deletion_protection", "keys_version"}

    assert len(named) > 3
    named.remove("agent_image")  # of the one example that installs a lead
    assert "agent_image" in variables(ROOT / "terraform" / "examples" / "complete")
    for example in EXAMPLES:
        assert named <= variables(ROOT / example), example


def test_every_file_of_the_module_is_on_its_page():
    page = PAGES[-1].read_text()

    assert not [
        f.name
        for f in (ROOT / MODULE).glob("*.tf")
        if f"`{f.name}`" not in page and f.stem not in ("versions", "locals")
    ]


def test_every_variable_and_output_says_what_it_is():
    for file in (ROOT / MODULE).rglob("*.tf"):
        for kind, name, body in BLOCK.findall(file.read_text()):
            assert "description" in body, f"{kind} {name}"
            assert kind == "output" or re.search(r"^  type +=", body, re.MULTILINE), f"{kind} {name}"
