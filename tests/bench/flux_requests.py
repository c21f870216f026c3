"""From a job's submit event to the publish time of the request for its burst, while local jobs come and go."""

from tests.bench.flux_rig import Side, one_host
from tests.bench.percentiles import ms

REQUESTS = 200
SLOTS = 20
"""As many as a large lead has; they take turns."""
LOCAL_JOBS_PER_S = 5


def measure(rig, agent):
    with Side(rig.environ) as background:
        background.ask("keep_busy", jobs_per_s=LOCAL_JOBS_PER_S)
        published = [_published_at(rig, agent, index % SLOTS) for index in range(REQUESTS)]
    events = rig.side.ask("event_times", ids=[jobid for jobid, _ in published])
    seconds = [at - times["submit"] for (_, at), times in zip(published, events, strict=True)]
    ours = [at - times["priority"] for (_, at), times in zip(published, events, strict=True)]
    return {
        "requests": REQUESTS,
        "local_jobs_per_s": LOCAL_JOBS_PER_S,
        "p50_ms": ms(seconds, 50),
        "p99_ms": ms(seconds, 99),
        "max_ms": ms(seconds, 100),
        "ours_p50_ms": ms(ours, 50),
        "ours_p99_ms": ms(ours, 99),
    }


def _published_at(rig, agent, index):
    """Submit a job that needs a burst of its own, and give its id and when the request was published.

    Job and burst are ended afterwards: 200 bursts at a time are no lead's.
    """
    (jobid,) = rig.side.ask("submit", constraint=one_host(index))
    ((at, request),) = rig.requests_so_far()
    rig.side.ask("cancel", jobid=jobid)
    rig.reject(request, agent)
    return jobid, at
