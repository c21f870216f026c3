import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from overspill_agent import cli

ROOT = Path(__file__).parents[4]
DEPLOY = ROOT / "agent" / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


def copied():
    """Give what the Dockerfile copies out of the build context."""
    lines = re.findall(r"^COPY (?!--from)(?:--\S+ )?(\S+) \S+$", DOCKERFILE, re.MULTILINE)
    assert lines
    return lines


@pytest.mark.parametrize("source", copied())
def test_dockerfile_copies_what_exists_and_is_not_ignored(source):
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()

    assert (ROOT / source).exists()
    assert f"!{source}" in ignored


def test_entrypoint_is_executable_and_is_what_the_image_runs():
    assert (DEPLOY / "entrypoint.sh").stat().st_mode & 0o111
    assert "agent/deploy/entrypoint.sh /usr/local/bin/overspill-sidecar" in DOCKERFILE
    assert 'ENTRYPOINT ["/usr/local/bin/overspill-sidecar"]' in DOCKERFILE
    assert "\nCMD" not in DOCKERFILE


def test_requirements_are_the_locks():
    script = ROOT / "requirements" / "export.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_requirements_hold_what_the_agent_asks_for_with_hashes():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {Requirement(text).name for text in project["dependencies"] + project["optional-dependencies"]["agent"]}
    text = (DEPLOY / "requirements.txt").read_text()
    pinned = re.findall(r"^([a-z0-9-]+)==\S+.* \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)

    assert asked <= set(pinned)
    assert len(pinned) == text.count("==")


def test_example_is_what_the_command_beside_it_writes(tmp_path, capsys):
    command = re.search(r"^\$ overspill (init (?:.*\\\n)*.*)$", (DEPLOY / "README.md").read_text(), re.MULTILINE)
    name, directory, *options = shlex.split(command[1].replace("\\\n", " "))
    assert cli.run([name, str(tmp_path), *options]) == 0

    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text() for path in (ROOT / directory).iterdir()}

    assert kept == written, f"stale: run `overspill {name} {directory} … --force` as {DEPLOY / 'README.md'} has it"
