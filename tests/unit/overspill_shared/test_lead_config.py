import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_shared import hostlist
from overspill_shared.idset import parse_idset
from overspill_shared.lead_config import RankGroup, Scheduler, recommended_tables, resource_set

GROUPS = st.lists(
    st.builds(
        RankGroup,
        hosts=st.integers(1, 5).map(lambda size: tuple(f"h-{index}" for index in range(size))),
        cores=st.integers(1, 8),
        gpus=st.integers(0, 4),
        is_burst=st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


def test_recommended_tables_keep_jobs_at_home_and_let_burstable_ones_out():
    tables = recommended_tables(frobnicator_path="/x/frob.py", scheduler=Scheduler.FLUXION)

    assert tables["queues"] == {"local": {"requires": ["^burst"]}, "burst": {"requires": ["burst"]}}
    assert tables["policy"]["jobspec"]["defaults"]["system"]["queue"] == "local"
    assert tables["ingest"]["frobnicator"]["plugins"] == ["/x/frob.py", "defaults", "constraints"]
    assert tables["ingest"]["validator"]["plugins"] == ["jobspec", "feasibility"]
    assert tables["tbon"]["tcp_user_timeout"] == "2m", "as on the burst nodes: see broker_toml"


@pytest.mark.parametrize(
    ("scheduler", "expected"),
    [
        (Scheduler.FLUXION, {"sched-fluxion-resource", "sched-fluxion-qmanager"}),
        (Scheduler.SIMPLE, {"modules"}),
    ],
)
def test_recommended_tables_name_the_scheduler(scheduler, expected):
    tables = recommended_tables(frobnicator_path="/x", scheduler=scheduler)

    assert set(tables) - {"queues", "policy", "ingest", "tbon"} == expected


def test_resource_set_of_different_nodes_has_an_entry_for_each_kind():
    resources = resource_set(
        [
            RankGroup(hosts=("lead-0", "lead-1"), cores=4),
            RankGroup(hosts=("gpu-0-0",), cores=8, gpus=2, is_burst=True),
            RankGroup(hosts=("burst-0-0",), cores=4, is_burst=True),
        ]
    )

    assert resources["execution"] == {
        "R_lite": [
            {"rank": "0-1,3", "children": {"core": "0-3"}},
            {"rank": "2", "children": {"core": "0-7", "gpu": "0-1"}},
        ],
        "starttime": 0.0,
        "expiration": 0.0,
        "nodelist": ["lead-[0-1],gpu-0-0,burst-0-0"],
        "properties": {"burst": "2-3"},
    }


def test_resource_set_without_slots_has_no_properties():
    assert "properties" not in resource_set([RankGroup(hosts=("a-0",), cores=1)])["execution"]


@given(GROUPS)
def test_resource_set_declares_every_rank_once_as_its_group_says(groups):
    execution = json.loads(json.dumps(resource_set(groups)))["execution"]
    kinds = {
        rank: tuple(len(parse_idset(entry["children"].get(kind, ""))) for kind in ("core", "gpu"))
        for entry in execution["R_lite"]
        for rank in parse_idset(entry["rank"])
    }
    expected = [(group.cores, group.gpus) for group in groups for _ in group.hosts]

    assert kinds == dict(enumerate(expected))
    assert sum(len(parse_idset(entry["rank"])) for entry in execution["R_lite"]) == len(expected)
    assert hostlist.expand(execution["nodelist"][0]) == tuple(host for group in groups for host in group.hosts)
    burst = [group.is_burst for group in groups for _ in group.hosts]
    assert parse_idset(execution.get("properties", {}).get("burst", "")) == {r for r, is_b in enumerate(burst) if is_b}
