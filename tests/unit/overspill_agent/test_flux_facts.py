from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_agent.flux_facts import drained_ranks, listed_ranks, parse_resources, read_curve_cert
from overspill_agent.ports import RankResources
from overspill_shared.errors import ConfigError
from overspill_shared.idset import format_idset
from overspill_shared.secrets import Secret


def resource_set(*entries, **execution):
    return {"version": 1, "execution": {"R_lite": list(entries), "nodelist": ["h-[0-9]"], **execution}}


def test_resources_of_ranks_in_any_order_come_in_rank_order():
    found = parse_resources(
        resource_set(
            {"rank": "2-3", "children": {"core": "0-7", "gpu": "0-1"}},
            {"rank": "0-1", "children": {"core": "0-1"}},
            properties={"burst": "2-3", "fast": "1,3"},
        )
    )

    assert found == (
        RankResources(rank=0, cores=2, gpus=0, properties=frozenset()),
        RankResources(rank=1, cores=2, gpus=0, properties=frozenset({"fast"})),
        RankResources(rank=2, cores=8, gpus=2, properties=frozenset({"burst"})),
        RankResources(rank=3, cores=8, gpus=2, properties=frozenset({"burst", "fast"})),
    )


def test_resources_with_the_schedulers_own_key_and_no_properties_are_read():
    found = parse_resources({**resource_set({"rank": "0", "children": {"core": "3"}}), "scheduling": {"graph": {}}})

    assert found == (RankResources(rank=0, cores=1, gpus=0, properties=frozenset()),)


@given(st.dictionaries(st.integers(0, 300), st.tuples(st.integers(0, 64), st.integers(0, 8)), min_size=1))
def test_resources_written_rank_by_rank_are_read_back(shapes):
    entries = [
        {"rank": str(rank), "children": {"core": format_idset(range(cores)), "gpu": format_idset(range(gpus))}}
        for rank, (cores, gpus) in shapes.items()
    ]

    found = parse_resources(resource_set(*entries))

    assert {item.rank: (item.cores, item.gpus) for item in found} == shapes
    assert [item.rank for item in found] == sorted(shapes)


@pytest.mark.parametrize(
    "broken",
    [
        None,
        {},
        {"version": 1},
        {"execution": None},
        {"execution": {"R_lite": None}},
        {"execution": {"R_lite": []}},
        {"execution": {"R_lite": [{"children": {"core": "0"}}]}},
        {"execution": {"R_lite": [{"rank": "x", "children": {"core": "0"}}]}},
        {"execution": {"R_lite": [{"rank": "0", "children": {"core": 1}}]}},
        {"execution": {"R_lite": [{"rank": "0"}], "properties": {"burst": "y"}}},
        {"execution": {"R_lite": [{"rank": "0"}], "properties": ["burst"]}},
    ],
)
def test_resources_that_cannot_be_read_name_the_key(broken):
    with pytest.raises(ConfigError, match=r"resource\.path"):
        parse_resources(broken)


def test_drained_ranks_are_those_of_every_entry():
    assert drained_ranks({"drain": {"3": {"reason": "y"}, "5-6": {}}, "online": "0"}) == {3, 5, 6}
    assert drained_ranks({"drain": {}}) == frozenset()
    assert drained_ranks({}) == frozenset()


@pytest.mark.parametrize("empty", [None, {}, {"execution": {"R_lite": []}}, {"execution": {"R_lite": None}}])
def test_listed_ranks_of_an_empty_r_are_none(empty):
    assert listed_ranks(empty) == frozenset()


def test_listed_ranks_are_those_of_every_entry():
    assert listed_ranks(resource_set({"rank": "2-5"}, {"rank": "0"})) == {0, 2, 3, 4, 5}


def test_curve_cert_is_read_from_where_the_configuration_says(tmp_path):
    path = tmp_path / "curve.cert"
    path.write_bytes(b"key")

    assert read_curve_cert({"bootstrap": {"curve_cert": str(path)}}) == Secret(b"key")


@pytest.mark.parametrize("config", [{}, {"bootstrap": {}}, {"bootstrap": None}, {"bootstrap": {"curve_cert": ""}}])
def test_curve_cert_that_is_not_configured_names_the_key(config):
    with pytest.raises(ConfigError, match=r"bootstrap\.curve_cert is not set"):
        read_curve_cert(config)


def test_curve_cert_that_cannot_be_read_names_key_and_file(tmp_path):
    path = tmp_path / "nowhere.cert"

    with pytest.raises(ConfigError, match=r"bootstrap\.curve_cert.*nowhere\.cert"):
        read_curve_cert({"bootstrap": {"curve_cert": str(path)}})
