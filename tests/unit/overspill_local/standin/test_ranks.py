from hypothesis import given
from hypothesis import strategies as st

from overspill_local.standin.ranks import RankBook
from overspill_local.standin.resources import Share


def book_of(shapes, online=(0, 1), drained=()):
    book = RankBook(shapes, drained=dict.fromkeys(drained, "why"))
    book.online.update(online)
    return book


def test_summary_has_the_states_of_flux_resource_list(shapes):
    book = book_of(shapes, online=(0, 1, 2, 3), drained=(3,))
    book.claim([Share(rank=0, host="lead-0", cores=(0,), gpus=(), slots=1)])
    summary = book.summary()

    assert summary["free"] == {"nnodes": 3, "ncores": 5, "ngpus": 0, "ranks": "0-2", "nodelist": "lead-[0-1],burst-0-0"}
    assert summary["allocated"] == {"nnodes": 1, "ncores": 1, "ngpus": 0, "ranks": "0", "nodelist": "lead-0"}
    assert summary["down"]["ranks"] == "3-5"


def test_rank_without_free_cores_is_not_free(shapes):
    book = book_of(shapes)
    book.claim([Share(rank=0, host="lead-0", cores=(0, 1), gpus=(), slots=1)])

    assert book.summary()["free"]["ranks"] == "1"


def test_drained_rank_of_a_larger_instance_is_forgotten(shapes):
    assert book_of(shapes, drained=(1, 99)).drained == {1: "why"}


@given(st.lists(st.tuples(st.integers(0, 5), st.sets(st.integers(0, 3), min_size=1)), unique_by=lambda pair: pair[0]))
def test_what_is_claimed_and_released_is_whole_again(make_shapes, claims):
    shapes = make_shapes(cores=4)
    book = book_of(shapes, online=range(6))
    before = book.offers()
    shares = [Share(rank=rank, host=shapes[rank].host, cores=tuple(cores), gpus=(), slots=1) for rank, cores in claims]
    book.claim(shares)
    for share in shares:
        assert not set(share.cores) & set(book.offers()[share.rank].cores)
    book.release(shares)

    assert book.offers() == before
