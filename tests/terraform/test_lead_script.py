"""The complete example's lead.sh, with commands that only note what they were asked for."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.terraform.offline import ROOT

SCRIPT = ROOT / "terraform" / "examples" / "complete" / "lead.sh"
IMAGE = "ghcr.io/flux-framework/flux-operator"
MANIFEST = f"apiVersion: v1\n        image: {IMAGE}:latest\n"
NOTE = """#!/bin/sh
echo "$(basename "$0") $*" >> "$NOTES"
case "$(basename "$0") $*" in
  curl*) printf '%s' "$MANIFEST" > operator.yaml ;;
  *"--filename operator.yaml") cp operator.yaml "$KEPT" ;;
  *"create configmap"*) cp R settings.toml minicluster.yaml service.yaml "$KEPT" ;;
  *"get secret"* | *"get minicluster"*) exit "$MISSING" ;;
  *" diff "*) exit "$DIFFERS" ;;
esac
"""


@pytest.fixture
def run(tmp_path):
    """Give a function that runs the script; gives its result, and what the commands noted."""
    commands, kept, notes = tmp_path / "bin", tmp_path / "kept", tmp_path / "notes"
    commands.mkdir()
    kept.mkdir()
    for name in ("gcloud", "kubectl", "curl", "flux"):
        (commands / name).write_text(NOTE)
        (commands / name).chmod(0o755)

    def run(**environ):
        variables = {
            "PATH": f"{commands}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "NOTES": str(notes),
            "KEPT": str(kept),
            "MANIFEST": MANIFEST,
            "MISSING": "1",
            "DIFFERS": "0",
            "PROJECT": "my-project",
            "ZONE": "us-central1-a",
            "CLUSTER": "flux-lead",
            "LEAD": "lead",
            "LEAD_NAMESPACE": "flux",
            "LEAD_NODES": "2",
            "LEAD_CORES": "4",
            "SERVICE_ACCOUNT": "overspill-agent@my-project.iam.gserviceaccount.com",
            "OPERATOR_IMAGE": f"{IMAGE}@sha256:{'a' * 64}",
            "OPERATOR_URL": "https://example.com/operator.yaml",
            "OPERATOR_SHA256": hashlib.sha256(MANIFEST.encode()).hexdigest(),
            "AGENT_SETTINGS": 'project = "my-project"\n',
            "SLOTS": "burst-0=4:cores=4,gpus=0,template=hpc\ngpu-0=2:cores=8,gpus=1,template=gpu",
            **environ,
        }
        done = subprocess.run([str(SCRIPT)], env=variables, capture_output=True, text=True, timeout=60, check=False)
        return done, notes.read_text().splitlines()

    run.kept = kept
    return run


def test_lead_gets_operator_slots_settings_and_an_internal_address(run):
    done, notes = run()

    assert done.returncode == 0, done.stderr
    assert f"image: {IMAGE}@sha256:{'a' * 64}\n" in (run.kept / "operator.yaml").read_text()
    assert notes[-1] == "kubectl apply --server-side --filename minicluster.yaml"
    assert any("create secret generic lead-overspill-keys" in note for note in notes)
    assert (run.kept / "settings.toml").read_text() == 'project = "my-project"\n'
    assert "lead-[0-1],burst-0-[0-3],gpu-0-[0-1]" in (run.kept / "R").read_text()
    assert "load-balancer-type: Internal" in (run.kept / "service.yaml").read_text()


def test_operator_of_another_hash_is_not_installed(run):
    done, notes = run(OPERATOR_SHA256="0" * 64)

    assert done.returncode != 0
    assert not [note for note in notes if "apply" in note]


def test_certificate_that_exists_is_kept(run):
    done, notes = run(MISSING="0")

    assert done.returncode == 0, done.stderr
    assert not [note for note in notes if "keygen" in note or "create secret" in note]


def test_lead_that_runs_and_would_change_is_left_alone(run):
    done, notes = run(MISSING="0", DIFFERS="1")

    assert done.returncode != 0
    assert "kubectl --namespace flux delete minicluster lead" in done.stderr
    assert not [note for note in notes if " delete " in note]
    assert not [note for note in notes if " apply " in note and note.endswith("minicluster.yaml")]
