"""From a job's submit event to the publish time of the request for its burst, while local jobs come and go."""

from tests.bench.flux_rig import Side, one_host
from tests.bench.percentiles import ms

REQUESTS = 200
LOCAL_JOBS_PER_S = 5


def measure(rig):
    with Side(rig.environ) as background:
        background.ask("keep_busy", jobs_per_s=LOCAL_JOBS_PER_S)
        published = [_published_at(rig, index) for index in range(REQUESTS)]
    submitted = rig.side.ask("submitted_at", ids=[jobid for jobid, _ in published])
    seconds = [at - since for (_, at), since in zip(published, submitted, strict=True)]
    return {
        "requests": REQUESTS,
        "local_jobs_per_s": LOCAL_JOBS_PER_S,
        "p50_ms": ms(seconds, 50),
        "p99_ms": ms(seconds, 99),
        "first_half_p50_ms": ms(seconds[: REQUESTS // 2], 50),
    }


def _published_at(rig, index):
    """Submit a job that needs a burst of its own; give its id and when the request was published."""
    (jobid,) = rig.side.ask("submit", constraint=one_host(index))
    while True:
        for at, request in rig.requests_so_far():
            if any(job["jobid"] == jobid for job in request["jobs"]):
                return jobid, at
