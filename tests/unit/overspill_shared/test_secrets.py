import copy
import json
import pickle
import traceback

import pytest

from overspill_shared.secrets import MASK, Secret

CANARY = "canary-3f1c"
SECRET = Secret(CANARY.encode())


@pytest.mark.parametrize(
    "text",
    [
        repr(SECRET),
        str(SECRET),
        f"{SECRET}",
        f"{SECRET!r:>30}",
        "%s %r" % (SECRET, SECRET),  # noqa: UP031 - logging formats like this
        str([SECRET]),
        str({"key": SECRET}),
        json.dumps({"key": SECRET}, default=str),
    ],
)
def test_secret_shows_a_mask_wherever_it_is_printed(text):
    assert MASK in text
    assert CANARY not in text


def test_secret_reveals_its_bytes_on_demand():
    assert SECRET.reveal() == CANARY.encode()


def test_secret_is_equal_only_to_a_secret_of_the_same_bytes():
    assert Secret(CANARY.encode()) == SECRET
    assert hash(Secret(CANARY.encode())) == hash(SECRET)
    assert Secret(b"other") != SECRET
    assert CANARY.encode() != SECRET


@pytest.mark.parametrize("serialise", [json.dumps, pickle.dumps, copy.copy, copy.deepcopy, bytes, vars])
def test_secret_refuses_to_be_serialised_without_showing_itself(serialise):
    with pytest.raises(TypeError) as caught:
        serialise(SECRET)

    assert CANARY not in str(caught.value)


def test_secret_in_a_traceback_with_locals_is_masked():
    def fail(key):
        raise RuntimeError(f"cannot use {key}")

    with pytest.raises(RuntimeError) as caught:
        fail(Secret(CANARY.encode()))
    text = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())

    assert f"key = Secret({MASK})" in text
    assert CANARY not in text
