import logging

import pytest
from werkzeug.exceptions import ServiceUnavailable

from overspill_shared.adapters.push_answer import answered
from overspill_shared.errors import Busy, ConfigError, NotFound, NotYet, Unavailable


def test_answered_success_is_an_ack():
    with answered():
        pass


@pytest.mark.parametrize("error", [NotYet("too early."), Unavailable("no answer."), Busy("it changes.")])
def test_answered_what_may_pass_is_a_503(error):
    with pytest.raises(ServiceUnavailable, match=error.text), answered():
        raise error


@pytest.mark.parametrize("error", [NotFound("no topic."), ValueError("a fault of ours")])
def test_answered_what_will_not_pass_is_left_as_it_is(error):
    with pytest.raises(type(error)), answered():
        raise error


def test_answered_wrong_setting_is_logged_with_its_key(caplog):
    with caplog.at_level(logging.ERROR, "overspill_shared"), pytest.raises(ConfigError), answered():
        raise ConfigError("settings: project: Field required.", code="settings")

    assert [(record.message, record.reason) for record in caplog.records] == [
        ("settings.wrong", "settings: project: Field required.")
    ]
