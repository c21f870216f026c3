"""From a burst's rank online, as another listener on the instance hears it, to the burst's move to ACTIVE."""

from tests.bench.flux_rig import Side, end, one_host
from tests.bench.percentiles import ms

JOINS = 20


def measure(rig, agent, slots):
    with Side(rig.environ) as listener:
        listener.ask("watch_online")
        seconds = [_join(rig, agent, listener, index) for index in slots]
    return {"joins": len(seconds), "p50_ms": ms(seconds, 50), "p99_ms": ms(seconds, 99)}


def _join(rig, agent, listener, index):
    since = len(agent.lines)
    rig.side.ask("submit", constraint=one_host(index))
    agent.wait_for(lambda line: line["message"] == "request.published", after=since)
    broker = rig.start_broker(index)
    online_at = listener.next_answer()["at"]
    active = agent.wait_for(
        lambda line: line.get("state") == "ACTIVE" and line["slot"] == f"burst-{index}", after=since
    )
    end(broker)
    listener.next_answer()
    return active["at"] - online_at
