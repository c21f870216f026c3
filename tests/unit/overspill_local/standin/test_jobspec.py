import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_local.standin.jobspec import Demand, is_burstable, read, redact
from overspill_local.standin.jobspec_writer import Submission, build_jobspec
from overspill_local.standin.protocol import Refused

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def jobspec(**options):
    return build_jobspec(
        Submission(**{"command": ("hostname",), "cwd": "/tmp", "environment": {"SECRET": "s"}, **options})
    )


@pytest.mark.parametrize(
    ("options", "demand"),
    [
        ({"nodes": 4}, (4, True, 1, 1, 0)),
        ({"tasks": 8}, (None, False, 8, 1, 0)),
        ({"nodes": 4, "tasks": 8, "cores_per_task": 2, "gpus_per_task": 1}, (4, False, 2, 2, 1)),
        ({"nodes": 2, "tasks": 3}, (2, False, 2, 1, 0)),
        ({"nodes": 1, "tasks": 2, "exclusive": True}, (1, True, 2, 1, 0)),
    ],
    ids=str,
)
def test_demand_of_a_submission_is_read_back(options, demand):
    nodes, exclusive, slots, cores, gpus = demand
    assert read(jobspec(**options)).demand == Demand(
        nodes=nodes, exclusive=exclusive, slots=slots, cores_per_slot=cores, gpus_per_slot=gpus
    )


def test_task_total_is_kept_where_slots_do_not_divide():
    assert read(jobspec(nodes=2, tasks=3)).tasks_total == 3
    assert read(jobspec(nodes=2, tasks=4)).tasks_total is None


def test_name_is_the_commands_unless_it_is_given():
    assert read(jobspec(command=("/bin/hostname", "-f"))).name == "hostname"
    assert read(jobspec(name="mine")).name == "mine"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 9}, "version"),
        ({"tasks": []}, "tasks must have one entry"),
        ({"tasks": [{"command": [], "count": {"per_slot": 1}}]}, "command"),
        ({"tasks": [{"command": ["x"], "count": {}}]}, "per_slot or total"),
        ({"resources": [{"type": "rack", "count": 1}]}, "'rack' are not supported"),
        ({"resources": [{"type": "node", "count": 0, "with": [{"type": "slot"}]}]}, "above 0"),
        ({"resources": [{"type": "node", "count": 1, "with": [{"type": "core", "count": 1}]}]}, "must hold one slot"),
        ({"resources": [{"type": "slot", "count": 1, "with": [{"type": "gpu", "count": 1}]}]}, "must hold cores"),
        ({"attributes": {"system": 1}}, "system must be an object"),
        ({"attributes": {"system": {"constraints": [1]}}}, "constraints must be an object"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_jobspec_that_is_wrong_is_refused_with_the_reason(change, reason):
    with pytest.raises(Refused, match=reason):
        read({**jobspec(), **change})


@given(st.dictionaries(st.sampled_from(["version", "resources", "tasks", "attributes"]), JSON | st.just(1)))
def test_jobspec_of_any_json_is_read_or_refused(content):
    with contextlib.suppress(Refused):
        assert read({**jobspec(), **content}).command


def test_redacted_jobspec_lacks_the_environment_alone():
    whole = jobspec(attributes=("burstable", "user.a=1"))
    redacted = redact(whole)

    assert "s" not in str(redacted["attributes"]["system"].get("environment"))
    assert "environment" not in redacted["attributes"]["system"]
    assert redacted["attributes"]["user"] == {"a": 1}
    assert whole["attributes"]["system"]["environment"] == {"SECRET": "s"}


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [("burstable", True), ("burstable=true", True), ("burstable=gke", True), ("burstable=0", False), ("other", False)],
)
def test_burstable_is_what_is_truthy(attribute, expected):
    assert is_burstable(jobspec(attributes=(attribute,))) is expected
