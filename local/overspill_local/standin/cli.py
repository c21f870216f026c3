"""The command line: the part of `flux` that a demo needs, with Flux's own options, columns and exit codes.

Parsing and printing; the only place of this package that prints.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overspill_local.standin.certificate import write_certificate
from overspill_local.standin.client import DEFAULT_URGENCY, StandInClient
from overspill_local.standin.jobid import format_f58, parse_jobid
from overspill_local.standin.jobspec_writer import Submission, build_jobspec
from overspill_shared.errors import ConfigError, OverspillError
from overspill_shared.idset import parse_idset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONNECT_TIMEOUT_S = 5.0
_STATES = {"SCHED": "S", "RUN": "R", "CLEANUP": "C", "DEPEND": "D", "PRIORITY": "P"}
_RESULTS = {"COMPLETED": "CD", "FAILED": "F", "CANCELED": "CA"}


def main(argv: Sequence[str]) -> int:
    """Run a command; gives its exit code."""
    try:
        return asyncio.run(run_command(argv))
    except (OverspillError, ValueError, OSError) as exc:
        sys.stderr.write(f"standin: {exc}\n")
        return 1
    except KeyboardInterrupt:
        return 130


async def run_command(argv: Sequence[str]) -> int:
    """Run a command inside a loop; gives its exit code.

    Raises OverspillError, ValueError or OSError where `main` prints them.
    """
    args = build_parser().parse_args(argv)
    if args.command == "keygen":
        write_certificate(args.path)
        return 0
    if not args.uri:
        raise ConfigError("no instance is named.", remedy="Give --uri or set FLUX_URI.", code="flux-uri")
    async with await StandInClient.connect(args.uri, timeout_s=CONNECT_TIMEOUT_S) as client:
        code: int = await args.run(client, args)
        return code


def build_submission(args: argparse.Namespace, *, cwd: str, environment: Mapping[str, str]) -> Submission:
    """Give what the options of `submit` ask for; `cwd` is where the user stands."""
    return Submission(
        command=args.argv,
        cwd=args.cwd or cwd,
        environment=environment,
        nodes=args.nodes,
        tasks=args.ntasks,
        cores_per_task=args.cores_per_task,
        gpus_per_task=args.gpus_per_task,
        exclusive=args.exclusive,
        name=args.job_name,
        queue=args.queue,
        requires=args.requires,
        attributes=args.setattr,
    )


async def _submit(client: StandInClient, args: argparse.Namespace) -> int:
    submission = build_submission(args, cwd=str(Path.cwd()), environment=os.environ)
    jobid = await client.submit(build_jobspec(submission), urgency=args.urgency)
    print(format_f58(jobid))  # noqa: T201
    return 0


async def _jobs(client: StandInClient, args: argparse.Namespace) -> int:
    del args
    print(f"{'JOBID':>12} {'NAME':<10} {'ST':>2} {'NTASKS':>6} {'NNODES':>6} INFO")  # noqa: T201
    for job in reversed(await client.jobs()):
        status = _RESULTS.get(job["result"]) or _STATES.get(job["state"], job["state"])
        numbers = f"{job['ntasks']:>6} {job['nnodes'] or '-':>6}"
        print(f"{format_f58(job['jobid']):>12} {job['name'][:10]:<10} {status:>2} {numbers} {job['nodelist']}")  # noqa: T201
    return 0


async def _attach(client: StandInClient, args: argparse.Namespace) -> int:
    jobid = parse_jobid(args.jobid)
    async for line in client.output(jobid):
        label = f"{line['task']}: " if args.label_io else ""
        print(label + line["line"], file=sys.stderr if line["stream"] == "stderr" else sys.stdout, flush=True)
    job = await client.wait(jobid, timeout_s=CONNECT_TIMEOUT_S)
    if failure := job["exception"]:
        print(f"job.exception {args.jobid} type={failure['type']} severity=0 {failure['note']}", file=sys.stderr)  # noqa: T201
    return exit_code(job)


async def _cancel(client: StandInClient, args: argparse.Namespace) -> int:
    for jobid in args.jobid:
        await client.cancel(parse_jobid(jobid))
    return 0


async def _wait_online(client: StandInClient, args: argparse.Namespace) -> int:
    wanted = parse_idset(args.ranks)
    try:
        async with asyncio.timeout(args.timeout):
            async for event in client.events():
                if event["kind"] == "online" and wanted <= parse_idset(event["ranks"]):
                    return 0
    except TimeoutError:
        sys.stderr.write(f"standin wait-online: ranks {args.ranks} were not online within {args.timeout:g} s\n")
    return 1


async def _resource_list(client: StandInClient, args: argparse.Namespace) -> int:
    del args
    print(f"{'STATE':>10} {'NNODES':>6} {'NCORES':>6} {'NGPUS':>5} NODELIST")  # noqa: T201
    for state, row in (await client.resource_list()).items():
        counts = f"{row['nnodes']:>6} {row['ncores']:>6} {row['ngpus']:>5}"
        print(f"{state:>10} {counts} {row['nodelist']}")  # noqa: T201
    return 0


def exit_code(job: dict[str, Any]) -> int:
    """Give the code that `flux job attach` ends with: the tasks' largest, or 1 for a job that failed before any ran."""
    if job["waitstatus"] is None:
        return 1 if job["exception"] else 0
    code: int = job["waitstatus"] >> 8
    return code or (1 if job["exception"] else 0)


def build_parser() -> argparse.ArgumentParser:
    """Give the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="python -m overspill_local.standin", description="A stand-in for a Flux instance. It is not Flux."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("broker", help="run a broker: see broker --help", add_help=False)
    _add_submit(_add_client_command(commands, "submit", "submit a job and print its id", _submit))
    _add_client_command(commands, "jobs", "list jobs, the newest first", _jobs)
    attach = _add_client_command(commands, "attach", "print a job's output, and exit as it does", _attach)
    attach.add_argument("-l", "--label-io", action="store_true", help="put the task's rank before each line")
    attach.add_argument("jobid")
    _add_client_command(commands, "cancel", "cancel jobs", _cancel).add_argument("jobid", nargs="+")
    wait = _add_client_command(commands, "wait-online", "wait until ranks are online", _wait_online)
    wait.add_argument("--timeout", type=float, default=CONNECT_TIMEOUT_S, metavar="SECONDS")
    wait.add_argument("ranks", metavar="IDSET")
    keygen = commands.add_parser("keygen", help="make a certificate")
    keygen.add_argument("path", type=Path)
    _add_client_command(commands, "resource-list", "show what is free, allocated and down", _resource_list)
    return parser


def _add_client_command(commands: Any, name: str, text: str, run: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, allow_abbrev=False)
    parser.add_argument("--uri", default=os.environ.get("FLUX_URI"), help="the lead's address (default: $FLUX_URI)")
    parser.set_defaults(run=run)
    return parser


def _add_submit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-N", "--nodes", type=int)
    parser.add_argument("-n", "--ntasks", type=int)
    parser.add_argument("-c", "--cores-per-task", type=int, default=1)
    parser.add_argument("-g", "--gpus-per-task", type=int, default=0)
    parser.add_argument("-x", "--exclusive", action="store_true")
    parser.add_argument("-q", "--queue")
    parser.add_argument("--job-name")
    parser.add_argument("--urgency", type=int, default=DEFAULT_URGENCY)
    parser.add_argument("--requires", help="properties, host:HOSTLIST or rank:IDSET, joined by &; - denies one")
    parser.add_argument("--setattr", action="append", default=[], metavar="KEY[=VAL]")
    parser.add_argument("--cwd")
    parser.add_argument("argv", nargs=argparse.REMAINDER, metavar="COMMAND")
