import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_local.standin.jobspec import Demand, Spec
from overspill_local.standin.placement import Offer, count_tasks, place, whole, why_never


def spec_of(nodes=None, *, slots=1, cores=1, gpus=0, exclusive=False, constraint=None, total=None):
    return Spec(
        demand=Demand(nodes=nodes, exclusive=exclusive, slots=slots, cores_per_slot=cores, gpus_per_slot=gpus),
        command=("true",),
        tasks_per_slot=1,
        tasks_total=total,
        cwd=None,
        environment=None,
        constraint=constraint or {},
        name="true",
    )


def test_exclusive_nodes_are_given_whole_and_lowest_first(shapes):
    shares = place(spec_of(2, exclusive=True), [whole(shape) for shape in shapes])

    assert [(share.rank, share.cores, share.slots) for share in shares] == [(0, (0, 1), 1), (1, (0, 1), 1)]


def test_exclusive_node_that_is_used_in_part_is_passed_over(shapes):
    used = Offer(shape=shapes[0], cores=(1,), gpus=())

    assert place(spec_of(1, exclusive=True), [used]) is None
    assert [share.rank for share in place(spec_of(1, exclusive=True), [used, whole(shapes[1])])] == [1]


def test_slots_without_nodes_are_packed(shapes):
    shares = place(spec_of(slots=3), [whole(shape) for shape in shapes])

    assert [(share.rank, share.cores, share.slots) for share in shares] == [(0, (0, 1), 2), (1, (0,), 1)]


def test_gpus_limit_as_cores_do(make_shapes):
    shapes = make_shapes(cores=4, gpus=1)

    assert [share.gpus for share in place(spec_of(slots=2, gpus=1), map(whole, shapes))] == [(0,), (0,)]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (spec_of(9, exclusive=True), "unsatisfiable request: need 9 exclusive node(s), only 6 eligible"),
        (
            spec_of(5, exclusive=True, constraint={"properties": ["burst"]}),
            "unsatisfiable request: need 5 exclusive node(s), only 4 eligible",
        ),
        (spec_of(4, cores=5, slots=2), "unsatisfiable request: need 4 node(s) with 10 cores each, only 0 eligible"),
        (spec_of(slots=17), "unsatisfiable request: need 17 slot(s) of 1 core(s), only 12 such slot(s) available"),
        (spec_of(6, exclusive=True), None),
        (spec_of(slots=12), None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_reason_is_given_only_where_nothing_declared_would_do(shapes, spec, reason):
    assert why_never(spec, shapes) == reason


def test_task_total_is_spread_with_the_first_ranks_having_more(shapes):
    spec = spec_of(2, slots=2, total=3)

    assert count_tasks(spec, place(spec, map(whole, shapes))) == [2, 1]
    assert count_tasks(spec_of(2, slots=2), place(spec_of(2, slots=2), map(whole, shapes))) == [2, 2]


@given(
    free=st.lists(st.sets(st.integers(0, 3)), min_size=6, max_size=6),
    nodes=st.none() | st.integers(1, 6),
    slots=st.integers(1, 4),
    cores=st.integers(1, 3),
    exclusive=st.booleans(),
)
def test_allocation_has_what_was_asked_for_and_only_what_was_free(make_shapes, free, nodes, slots, cores, exclusive):
    spec = spec_of(nodes, slots=slots, cores=cores, exclusive=exclusive and nodes is not None)
    offers = [
        Offer(shape=shape, cores=tuple(sorted(ids)), gpus=())
        for shape, ids in zip(make_shapes(cores=4), free, strict=True)
    ]
    shares = place(spec, offers)

    if shares is None:
        assert sum(len(offer.cores) // cores >= slots for offer in offers) < (nodes or 7) or spec.demand.exclusive
        return
    assert len({share.rank for share in shares}) == len(shares) == (nodes or len(shares))
    assert sum(share.slots for share in shares) == slots * (nodes or 1)
    for share in shares:
        assert set(share.cores) <= free[share.rank]
        assert len(share.cores) >= share.slots * cores
