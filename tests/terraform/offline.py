"""The real terraform without registry or cloud: a tool that is found, never brought.

`OVERSPILL_TERRAFORM_OFFLINE`, or `terraform-offline` on PATH, names a program that is called as
`terraform-offline REPOSITORY MODULE COMMAND [ARGUMENT …]` and prints JSON for plan-json. What a plan means is not said
here: see plan_walk.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULE = "terraform"
EXAMPLES = tuple(sorted(f"{MODULE}/examples/{path.parent.name}" for path in ROOT.glob(f"{MODULE}/examples/*/main.tf")))
TIMEOUT_S = 110

KEY = "A" * 43 + "="
VARIABLES = {
    "project": "my-project",
    "burst_project": "my-bursts",
    "region": "us-central1",
    "public_key": f"overspill-public-key:v1:{KEY}",
    "private_keys": f"overspill-private-key:v1:{KEY}\n",
    "alert_email": "hpc@example.com",
    "operator_image": f"ghcr.io/flux-framework/flux-operator@sha256:{'a' * 64}",
    "leads": {
        "lead": {"namespace": "flux", "slots": {"burst-0": "hpc", "gpu-0": "gpu"}},
        "other": {"service_account": "flux", "identity_project": "other-project", "host": "10.1.2.3", "port": 8051},
    },
    "templates": {
        "hpc": {
            "machine_type": "c2-standard-60",
            "cores": 30,
            "memory_mib": 245760,
            "zones": ["us-central1-a", "us-central1-f"],
            "price_usd_per_h": 3.1321,
            "threads_per_core": 1,
            "compact_placement": True,
            "volumes": [
                {"name": "data", "mount_path": "/data", "gcs_bucket": "my-data"},
                {
                    "name": "home",
                    "mount_path": "/home",
                    "nfs": {"server": "10.0.0.2", "path": "/vol1"},
                    "read_only": True,
                },
            ],
        },
        "gpu": {
            "machine_type": "g2-standard-16",
            "cores": 8,
            "gpus": 1,
            "memory_mib": 65536,
            "zones": ["us-central1-a"],
            "app_image": "ghcr.io/my-lab/app:1",
            "flux_version": "0.88.0",
            "spot": True,
        },
    },
    "agent": {"idle_timeout_s": "900", "accepts_partial_join": "true", "burst_property": "burst"},
}
"""A deployment with something of everything."""


def find() -> str | None:
    """Give the tool's path, or None."""
    return os.environ.get("OVERSPILL_TERRAFORM_OFFLINE") or shutil.which("terraform-offline")


def terraform(module, command, *arguments, root=ROOT):
    """Run one command of the tool on a module; skips where there is no tool."""
    tool = find()
    if tool is None or shutil.which("terraform") is None:
        pytest.skip("needs terraform and terraform-offline on PATH (or OVERSPILL_TERRAFORM_OFFLINE)")
    # What the caller's own Terraform is set up with must not matter here.
    environ = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    argv = [tool, str(root), module, command, *arguments]
    return subprocess.run(argv, capture_output=True, text=True, env=environ, timeout=TIMEOUT_S, check=False)


def plan_document(folder, module=MODULE, variables=None, *, root=ROOT):
    """Give a plan as `terraform show -json` has it; `folder` takes the variables' file."""
    file = folder / "variables.tfvars.json"
    file.write_text(json.dumps(variables or {}))
    done = terraform(module, "plan-json", f"-var-file={file}", root=root)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(done.stdout)
