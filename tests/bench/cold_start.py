"""What a new instance of each function takes: processor time of its imports, and memory with all that serving imports.

The memory of one that has served many bursts is `crowd`'s to measure.
"""

import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIMES = 5
PACKAGES = {"provision": "overspill_provision.entrypoint", "teardown": "overspill_teardown.entrypoint"}
IMPORT = "import {module}, resource; print(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))"
# What serving takes beyond the entry point: every module that a first message brings in.
SERVE = """
import {module}, resource
from overspill_shared.adapters import gcp_clients, gke, kubernetes_api, pubsub_publisher
{more}
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
MORE = {
    "provision": "import overspill_provision.burst_objects, overspill_shared.adapters.operator_manifest",
    "teardown": "",
}


def run():
    return {name: _function(module, MORE[name]) for name, module in PACKAGES.items()}


def _function(module, more):
    empty = _median("import resource; print(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))")
    return {
        "import_cpu_s": round(_median(IMPORT.format(module=module)), 3),
        "of_which_python_s": round(empty, 3),
        "imported_rss_mb": round(_median(SERVE.format(module=module, more=more)) / 1024, 1),
    }


def _median(script):
    return statistics.median(float(_python(script)) for _ in range(TIMES))


def _python(script):
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.check_output([sys.executable, "-c", script], env=environ, text=True, timeout=60)
