"""Why ranks were refused, in real Flux's own words."""

import re
import time

import pytest

from overspill_shared.broker_toml import build_burst_config

DEADLINE_S = 20


def start_with(instance, rank, change):
    """Start one follower with a changed burst configuration, and wait until it has given up."""
    text = build_burst_config(instance.layout.config(), host="127.0.0.1", port=instance.layout.port)
    directory = instance.layout.directory / "wrong"
    directory.mkdir(exist_ok=True)
    (directory / "broker.toml").write_text(change(instance.layout.burst_config(text)))
    instance._start_broker(rank, instance.layout.follower_argv(rank, directory))


def wait_for_reason(flux, rank):
    deadline = time.monotonic() + DEADLINE_S
    while rank not in (errors := flux.join_errors()):
        assert time.monotonic() < deadline, errors
        time.sleep(0.1)
    return errors[rank]


@pytest.mark.parametrize(
    ("host", "change", "rank", "reason"),
    [
        pytest.param(
            3, lambda text: text.replace("burst-0-[0-3]", "burst-0-[1-3],burst-0-0"), 2, "configured as rank 2",
            id="wrong order",
        ),
        pytest.param(
            5, lambda text: text.replace("lead-1,", "lead-1,one-more,"), 6, "configured as rank 6", id="wrong length"
        ),
    ],
)  # fmt: skip
def test_join_errors_tell_what_the_lead_refused(own_instance, own_flux, host, change, rank, reason):
    start_with(own_instance, host, change)
    assert own_instance.wait_exit(host) == 1
    assert reason in wait_for_reason(own_flux, rank)


def test_join_errors_of_an_instance_that_refused_nobody_are_none(flux):
    assert flux.join_errors() == {}


def test_wrong_name_and_wrong_certificate_leave_no_reason(own_instance, own_flux):
    start_with(own_instance, 2, lambda text: re.sub(r"burst-0-\[0-3\]", "other-[0-3]", text))
    assert own_instance.wait_exit(2) == 1
    other = str(own_instance.layout.directory / "other.cert")
    own_instance.command("flux", "keygen", other)
    start_with(own_instance, 3, lambda text: text.replace(str(own_instance.layout.curve_cert), other))
    time.sleep(1)
    assert own_flux.join_errors() == {}
    assert own_instance.brokers[3].poll() is None, "a broker with a wrong certificate tries for ever, in silence"
