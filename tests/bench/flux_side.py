"""What a benchmark asks of Flux by Flux's own Python: a program for `flux python`, one JSON request and answer a line.

Standard library and flux only: Flux's Python may have nothing of Overspill. The poller that the agent is compared with
stands here too, for it is made of these bindings.
"""

import contextlib
import json
import sys
import time

import flux
import flux.constants
import flux.job


def submit(handle, *, count=1, constraint=None, burstable=True, command=("true",)):
    """Submit jobs of one node, and give their ids."""
    jobspec = flux.job.JobspecV1.from_command(list(command), num_tasks=1, num_nodes=1, cores_per_task=1)
    jobspec.cwd = "/tmp"
    jobspec.environment = {"PATH": "/usr/bin:/bin"}
    if burstable:
        jobspec.setattr("system.burstable", 1)
        jobspec.setattr("system.queue", "burst")
    if constraint:
        jobspec.setattr("system.constraints", constraint)
    text = jobspec.dumps()
    futures = [flux.job.submit_async(handle, text) for _ in range(count)]
    return [int(future.get_id()) for future in futures]


def cancel(handle, *, jobid):
    """Cancel a job."""
    flux.job.cancel(handle, jobid)


def event_times(handle, *, ids):
    """Give the times (epoch seconds) of each job's first event of each name."""
    return [_event_times(handle, jobid) for jobid in ids]


def _event_times(handle, jobid):
    answer = handle.rpc("job-info.lookup", {"id": jobid, "keys": ["eventlog"], "flags": 0}).get()
    events = [json.loads(line) for line in answer["eventlog"].splitlines()]
    return {event["name"]: event["timestamp"] for event in reversed(events)}


def count_lowered(handle):
    """Give how many waiting jobs have a lower urgency than any user's default."""
    listed = flux.job.JobList(handle, filters=["pending"], attrs=["urgency"], max_entries=0).jobs()
    return sum(job.urgency < flux.constants.FLUX_JOB_URGENCY_DEFAULT for job in listed)


def poll(handle):
    """Give how long one pass of a poller takes that lists what waits and reads each jobspec, and what it found."""
    began = time.perf_counter()
    jobs = list(flux.job.JobList(handle, filters=["pending"], max_entries=0).jobs())
    looked_up = flux.job.JobKVSLookup(handle, [job.id for job in jobs], keys=["jobspec"]).data()
    found = sum(bool(job["jobspec"]["attributes"]["system"].get("burstable")) for job in looked_up)
    return {"pass_s": time.perf_counter() - began, "found": found}


def poll_by_flux_burst(_handle):
    """Give how long flux-burst's own selection takes, and how many jobs it found; or why it is not there."""
    try:
        from fluxburst.client import FluxBurst  # noqa: PLC0415 - optional, and nothing that Overspill depends on
    except ImportError as exc:
        return {"skipped": f"{exc}; install flux-burst==0.0.15 for the Python of `flux python` to compare with it"}
    began = time.perf_counter()
    try:
        # It prints, and standard output is for answers.
        with contextlib.redirect_stdout(sys.stderr):
            found = FluxBurst().select_jobs()
    except Exception as exc:  # noqa: BLE001 - whatever a foreign package does with this Flux is its result
        return {"skipped": f"select_jobs failed: {exc!r}"}
    return {"pass_s": time.perf_counter() - began, "found": len(found)}


def watch_online(handle):
    """Print each change of the online ranks with its time (epoch seconds), for ever."""
    streaming = flux.constants.FLUX_RPC_STREAMING
    future = handle.rpc("groups.get", {"name": "broker.online"}, nodeid=0, flags=streaming)
    while True:
        members = future.get()["members"]
        answer({"at": time.time(), "online": members})
        future.reset()


def keep_busy(handle, *, jobs_per_s):
    """Submit short local jobs at a steady rate, for ever."""
    answer(None)
    while True:
        submit(handle, burstable=False)
        time.sleep(1 / jobs_per_s)


def answer(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


VERBS = {
    verb.__name__: verb
    for verb in (submit, cancel, event_times, count_lowered, poll, poll_by_flux_burst, watch_online, keep_busy)
}


def main():
    handle = flux.Flux()
    for line in sys.stdin:
        verb, options = json.loads(line)
        answer(VERBS[verb](handle, **options))


main()
