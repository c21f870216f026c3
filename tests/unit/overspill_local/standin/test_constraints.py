import pytest

from overspill_local.standin.constraints import satisfies


@pytest.mark.parametrize(
    ("constraint", "ranks"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"properties": ["burst"]}, [2, 3, 4, 5]),
        ({"properties": ["^burst"]}, [0, 1]),
        ({"properties": ["burst", "gpu"]}, []),
        ({"hostlist": ["lead-1,burst-0-[0-1]"]}, [1, 2, 3]),
        ({"ranks": ["0-2"]}, [0, 1, 2]),
        ({"not": [{"properties": ["burst"]}]}, [0, 1]),
        ({"and": [{"properties": ["burst"]}, {"ranks": ["0-3"]}]}, [2, 3]),
        ({"or": [{"ranks": ["0"]}, {"ranks": ["5"]}]}, [0, 5]),
    ],
    ids=str,
)
def test_constraint_is_satisfied_by_the_right_ranks(shapes, constraint, ranks):
    assert [shape.rank for shape in shapes if satisfies(shape, constraint)] == ranks


@pytest.mark.parametrize(
    "constraint",
    [
        {"likes": []},
        {"and": {}},
        {"properties": [1]},
        {"not": ["x"]},
        {"ranks": ["x"]},
        {"properties": ["a"], "ranks": ["0"]},
    ],
    ids=str,
)
def test_constraint_that_is_none_is_refused(shapes, constraint):
    with pytest.raises(ValueError, match=r"constraint|idset"):
        satisfies(shapes[0], constraint)
