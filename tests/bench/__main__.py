"""Runs every benchmark and prints the report; `--only NAME` runs one. Nothing here fails on a figure."""

import argparse
import json
import os
import platform
import sys

from tests.bench import cold_start, crowd, deciding, flux_agent, messages, whole_burst

BENCHMARKS = {
    "cold_start": cold_start.run,
    "crowd": crowd.run,
    "deciding": deciding.run,
    "messages": messages.run,
    "flux": flux_agent.run,
    "whole_burst": whole_burst.run,
}


def main():
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=sorted(BENCHMARKS))
    chosen = parser.parse_args().only
    report = {"machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0]}}
    for name, run in BENCHMARKS.items():
        if chosen in (None, name):
            sys.stderr.write(f"{name} …\n")
            report[name] = run()
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


main()
