import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_local.standin import methods, protocol


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text())))
def test_message_is_one_line_and_read_back(message):
    line = protocol.encode(message)

    assert line.count(b"\n") == 1
    assert protocol.decode(line) == message


@pytest.mark.parametrize("line", [b"", b"[]\n", b"1\n", b"{\n", b"\xff\n"])
def test_line_that_is_no_message_is_refused(line):
    with pytest.raises(ValueError):
        protocol.decode(line)


def test_socket_path_is_the_uris():
    assert protocol.socket_path("standin:///run/x/local") == "/run/x/local"


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("local:///run/x", "no address"),
        ("standin://run/x", "no address"),
        ("/run/x", "no address"),
        ("standin:///" + "x" * 107, "too long"),
    ],
)
def test_socket_path_of_another_uri_is_refused(uri, reason):
    with pytest.raises(ValueError, match=reason):
        protocol.socket_path(uri)


def test_documentation_names_every_method_and_no_other():
    table = protocol.__doc__.split("=\n")[2]
    documented = {line.split("`")[1] for line in table.splitlines() if line.startswith("`")}

    assert documented == set(methods._METHODS)
