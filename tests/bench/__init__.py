"""Benchmarks: `make bench` prints one JSON report. Ratios in one run mean something; seconds belong to a machine.

Nothing fails on a figure. Keys are stable; a part that this machine cannot measure is `{"skipped": reason}`.

- `machine`: `cpus`, `python`, `load` (one-minute average at the start: above `cpus`, times are somebody else's).
- `deciding`: the pure part of a turn. `turn_ms` by number of waiting jobs; `cost_per_job_growth_100_to_10000`.
- `messages`: the embedded Pub/Sub beside a bare call. `bare_call_p50_ms`, `publish_to_pull_p50_ms`,
  `publish_to_pull_p99_ms`, `ratio_to_bare_call`.
- `flux`: the agent's process beside real Flux.
  - `submit_to_published`: a job's submit event until Pub/Sub has the request for its burst. One burst a job
    (`requests` of them, one after another, each rejected before the next), while `local_jobs_per_s` short jobs come
    and go. `p50_ms`, `p99_ms`, `max_ms`; the target is p50 30 ms, p99 150 ms. `ours_p50_ms`, `ours_p99_ms` count from
    the job's priority event. With hundreds of bursts alive at once all of this, and `online_to_active`, takes several
    times as long: a turn compares every different demand with every burst. Before the priority event a job
    cannot be decided; Flux takes some 23 ms until then, two batches of 10 ms among them.
  - `waiting`, by number of jobs that wait for one burst: `decision_p50_ms`, `decision_max_ms` of a new job's submit
    event until the decision on it; `poller_pass_ms`, one pass of Flux's own JobList and JobKVSLookup, which found
    `poller_found` jobs; `ratio_poller_to_decision` (target at 10,000: at least 10); `flux_burst`, the pass of
    flux-burst 0.0.15's `select_jobs` (`pass_s`, `found`) where that package is importable by `flux python`. It reads
    one answer of job-list, which streams in today's Flux, and so finds one job of any number: its time compares with
    nothing. `filled_s`: how long the jobs took to be submitted and decided.
  - `idle`, and `with_10000_waiting`: over a minute, `cpu_percent_of_one_core` (target idle: 0.5), `rss_mb` (targets 120
    and 200) and `peak_rss_mb`, in MB of 10^6 bytes.
  - `online_to_active`: a rank online, as another listener hears it, until the agent moved its burst to ACTIVE:
    `joins`, `p50_ms`, `p99_ms` (target 100 ms). Percentiles are measured values: p99 of few is their largest.
- `whole_burst`, by kind of Flux: `overspill-local demo` with no delays of its own, in its own words.
"""
