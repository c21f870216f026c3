"""What the agent's process takes of processor and memory while nothing happens."""

import time

OVER_S = 60.0
SETTLING_S = 3.0
"""What was going on before is over by then."""


def over_a_minute(agent):
    time.sleep(SETTLING_S)
    before, began = agent.cpu_s(), time.monotonic()
    time.sleep(OVER_S)
    used, elapsed = agent.cpu_s() - before, time.monotonic() - began
    return {
        "cpu_percent_of_one_core": round(100 * used / elapsed, 3),
        "rss_mb": agent.memory_mb(),
        "peak_rss_mb": agent.memory_mb("VmHWM"),
    }
