import pytest

from overspill_local.standin.link import heartbeat_s, torpid_after_s
from overspill_shared.errors import ConfigError


@pytest.mark.parametrize(
    ("value", "seconds"), [("30s", 30), ("2m", 120), ("500ms", 0.5), ("1.5s", 1.5), ("1h", 3600), (5, 5)]
)
def test_torpid_max_is_a_flux_duration(value, seconds):
    assert torpid_after_s({"tbon": {"torpid_max": value}}) == seconds


@pytest.mark.parametrize("value", ["", "x", "0s", "-1s", "1y", None])
def test_torpid_max_that_is_no_duration_is_refused_by_name(value):
    with pytest.raises(ConfigError, match=r"tbon\.torpid_max"):
        torpid_after_s({"tbon": {"torpid_max": value}})


def test_heartbeat_is_often_enough_for_what_may_pass_in_silence():
    assert heartbeat_s({}) == 2.0
    assert heartbeat_s({"tbon": {"torpid_max": "2s"}}) == 0.5
