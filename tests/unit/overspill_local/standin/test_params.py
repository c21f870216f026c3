import pytest

from overspill_local.standin.params import Params
from overspill_local.standin.protocol import Refused

VALUES = Params({"text": "a", "number": 3, "object": {"a": 1}, "ranks": "0-2", "flag": True, "bad": "0-x"})


def test_right_parameters_are_given():
    assert VALUES.text("text") == "a"
    assert VALUES.text("missing", "default") == "default"
    assert VALUES.integer("number") == 3
    assert VALUES.integer("missing", 16) == 16
    assert VALUES.mapping("object") == {"a": 1}
    assert VALUES.ranks() == {0, 1, 2}


@pytest.mark.parametrize(
    ("get", "name"),
    [
        (VALUES.text, "number"),
        (VALUES.text, "missing"),
        (VALUES.integer, "text"),
        (VALUES.integer, "flag"),
        (VALUES.mapping, "text"),
        (VALUES.ranks, "bad"),
        (VALUES.ranks, "number"),
    ],
)
def test_wrong_parameter_is_refused_by_name(get, name):
    with pytest.raises(Refused, match=f"^{name}: "):
        get(name)
