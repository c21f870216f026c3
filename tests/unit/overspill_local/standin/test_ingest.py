import pytest

from overspill_local.standin.ingest import prepare
from overspill_local.standin.protocol import Refused

QUEUES = {
    "queues": {"local": {"requires": ["^burst"]}, "burst": {"requires": ["burst"]}, "any": {}},
    "policy": {"jobspec": {"defaults": {"system": {"queue": "local"}}}},
}


def prepared(config, **system):
    return prepare({"version": 1, "attributes": {"user": {"a": 1}, "system": system}}, config)["attributes"]["system"]


@pytest.mark.parametrize(
    ("system", "queue", "constraint"),
    [
        ({}, "local", {"properties": ["^burst"]}),
        ({"burstable": 1}, "burst", {"properties": ["burst"]}),
        ({"burstable": 0}, "local", {"properties": ["^burst"]}),
        ({"burstable": 1, "queue": "local"}, "local", {"properties": ["^burst"]}),
        ({"queue": "any"}, "any", None),
        ({"constraints": {"ranks": ["0"]}}, "local", {"and": [{"ranks": ["0"]}, {"properties": ["^burst"]}]}),
    ],
    ids=str,
)
def test_queue_and_its_requirement_are_added(system, queue, constraint):
    result = prepared(QUEUES, **system)

    assert result["queue"] == queue
    assert result.get("constraints") == constraint


@pytest.mark.parametrize(
    ("system", "constraint"),
    [
        ({}, {"properties": ["^burst"]}),
        ({"burstable": 1}, {"properties": ["burst"]}),
        ({"burstable": 1, "constraints": {"ranks": ["0"]}}, {"ranks": ["0"]}),
    ],
    ids=str,
)
def test_without_queues_a_job_that_says_nothing_is_kept_on_its_side(system, constraint):
    result = prepared({}, **system)

    assert result["constraints"] == constraint
    assert "queue" not in result


def test_unknown_queue_is_refused_by_name():
    with pytest.raises(Refused, match="Invalid queue 'nosuch' specified"):
        prepared(QUEUES, queue="nosuch")


def test_jobspec_itself_is_left_alone():
    jobspec = {"attributes": {"system": {"burstable": 1}}}
    prepare(jobspec, QUEUES)

    assert jobspec == {"attributes": {"system": {"burstable": 1}}}
