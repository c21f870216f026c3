import pytest

from overspill_agent.flux_health import parse_queue
from overspill_agent.ports import QueueHealth

STARTED = {"enable": True, "start": True}
FCFS = {"queue-policy": "fcfs", "queue-params": ""}


@pytest.mark.parametrize(
    ("params", "policy", "depth"),
    [
        ({}, None, None),
        (FCFS, "fcfs", None),
        ({**FCFS, "burst": {"queue-policy": "easy", "queue-params": "queue-depth=1024"}}, "easy", 1024),
        ({**FCFS, "queue-params": "max-queue-depth=9,queue-depth=64"}, "fcfs", 64),
        ({**FCFS, "queue-params": "max-queue-depth=9"}, "fcfs", None),
        ({"queue-policy": "easy", "queue-params": None}, "easy", None),
    ],
)
def test_queue_has_its_own_parameters_else_the_instances(params, policy, depth):
    assert parse_queue("burst", STARTED, params) == QueueHealth(
        name="burst", is_enabled=True, is_started=True, policy=policy, depth=depth
    )


@pytest.mark.parametrize(("enable", "start"), [(True, False), (False, True)])
def test_queue_state_is_told(enable, start):
    queue = parse_queue("", {"enable": enable, "start": start}, FCFS, is_only=True)

    assert (queue.is_enabled, queue.is_started, queue.policy) == (enable, start, "fcfs")
