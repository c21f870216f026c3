from __future__ import annotations

import errno
import os

import pytest

from overspill_agent.flux_connection import translated
from overspill_shared.errors import FluxError, FluxUnavailable


def translate(number, text=None):
    with translated("resource.drain"):
        raise OSError(number, text or os.strerror(number))


@pytest.mark.parametrize("number", [errno.EPIPE, errno.ECONNRESET, errno.EHOSTUNREACH])
def test_broker_that_is_gone_is_flux_unavailable(number):
    with pytest.raises(FluxUnavailable, match="gone"):
        translate(number)


def test_broker_that_does_not_answer_is_flux_unavailable():
    with pytest.raises(FluxUnavailable, match=r"did not answer resource\.drain within"):
        translate(errno.ETIMEDOUT)


def test_right_that_is_missing_says_whose_it_is():
    with pytest.raises(FluxError, match="owner") as caught:
        translate(errno.EPERM)

    assert not isinstance(caught.value, FluxUnavailable)
    assert caught.value.code == "flux-permission"


def test_refusal_keeps_fluxs_own_words():
    with pytest.raises(FluxError, match=r"refuses resource\.drain: idset is out of range\.") as caught:
        translate(errno.EINVAL, "idset is out of range")

    assert not isinstance(caught.value, FluxUnavailable)
    assert isinstance(caught.value.__cause__, OSError)


def test_other_errors_pass_as_they_are():
    with pytest.raises(ZeroDivisionError), translated("x"):
        raise ZeroDivisionError
