"""A whole burst by `overspill-local demo` with no delays of its own: what our part of it takes, with each Flux here."""

import json
import shutil
import subprocess
import sys

NO_DELAYS = ("--create-seconds", "0", "--idle-timeout", "0.1")


def run():
    kinds = ["stand-in", *(["real"] if shutil.which("flux") else [])]
    return {kind: _demo(kind) for kind in kinds}


def _demo(kind):
    argv = [sys.executable, "-m", "overspill_local", "demo", "--json", "--flux", kind, *NO_DELAYS]
    finished = subprocess.run(argv, capture_output=True, text=True, timeout=180, check=False)
    last = json.loads(finished.stdout.splitlines()[-1])
    return {"ok": last["ok"], "total_s": last["t"], "scheduler": last["scheduler"], **last["timings"]}
