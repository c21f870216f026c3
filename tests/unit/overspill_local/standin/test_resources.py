import pytest

from overspill_local.standin.resources import Share, read_r, resource_summary, write_r
from overspill_shared.errors import ConfigError


def r_of(nodelist=("lead-[0-1]", "burst-0-0"), **execution):
    return {
        "version": 1,
        "execution": {
            "R_lite": [
                {"rank": "0-1", "children": {"core": "0-1"}},
                {"rank": "2", "children": {"core": "0-7", "gpu": "0"}},
            ],
            "nodelist": list(nodelist),
            "properties": {"burst": "2"},
            **execution,
        },
    }


def test_r_gives_each_rank_its_shape():
    shapes = read_r(r_of(), ["lead-0", "lead-1", "burst-0-0"])

    assert [(shape.rank, shape.host, len(shape.cores), shape.gpus) for shape in shapes] == [
        (0, "lead-0", 2, ()),
        (1, "lead-1", 2, ()),
        (2, "burst-0-0", 8, (0,)),
    ]
    assert [shape.properties for shape in shapes] == [frozenset(), frozenset(), {"burst"}]


def test_r_in_another_order_is_reranked_by_host():
    shapes = read_r(r_of(), ["burst-0-0", "lead-1", "lead-0"])

    assert [len(shape.cores) for shape in shapes] == [8, 2, 2]
    assert shapes[0].properties == {"burst"}


def test_r_that_lacks_a_host_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"it lacks burst-0-1 of bootstrap\.hosts"):
        read_r(r_of(), ["lead-0", "burst-0-0", "burst-0-1"])


@pytest.mark.parametrize(
    "r",
    [{}, {"execution": 1}, r_of(R_lite=[{"rank": "x"}]), r_of(nodelist=["a[1"]), r_of(properties={"burst": "z"})],
    ids=["empty", "no-object", "bad-rank", "bad-nodelist", "bad-properties"],
)
def test_r_that_is_none_is_refused(r):
    with pytest.raises(ConfigError, match=r"resource\.path: R is not RFC 20"):
        read_r(r, ["lead-0"])


def test_r_with_wrong_core_ids_is_refused():
    wrong = r_of(R_lite=[{"rank": "0-2", "children": {"core": "a"}}])
    with pytest.raises(ConfigError, match="core"):
        read_r(wrong, ["lead-0"])


def test_allocation_is_written_with_equal_ranks_together():
    shares = [
        Share(rank=0, host="lead-0", cores=(0,), gpus=(), slots=1),
        Share(rank=2, host="burst-0-0", cores=(0, 1), gpus=(1,), slots=2),
        Share(rank=3, host="burst-0-1", cores=(0, 1), gpus=(1,), slots=2),
    ]

    assert write_r(shares, starttime=7.0) == {
        "version": 1,
        "execution": {
            "R_lite": [
                {"rank": "0", "children": {"core": "0"}},
                {"rank": "2-3", "children": {"core": "0-1", "gpu": "1"}},
            ],
            "starttime": 7.0,
            "expiration": 0.0,
            "nodelist": ["lead-0,burst-0-[0-1]"],
        },
    }
    assert resource_summary(shares[1:]) == "rank[2-3]/core[0-1],gpu1"
