import contextlib
import io
import json
import logging
import sys
from datetime import UTC, datetime
from functools import partial

import pytest
from google.api_core import client_logging
from hypothesis import given
from hypothesis import strategies as st

from overspill_shared import log
from overspill_shared.errors import ErrorClass
from overspill_shared.idset import parse_idset
from overspill_shared.secrets import MASK, Secret

BURST = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def restore_logging():
    """Put the process's logging back as it was."""
    loggers = [logging.getLogger(name) for name in (None, "google", *log.PACKAGES)]
    before = [(logger, logger.level, logger.propagate, list(logger.handlers)) for logger in loggers]
    yield
    for logger, level, propagate, handlers in before:
        logger.setLevel(level)
        logger.propagate = propagate
        logger.handlers[:] = handlers


@pytest.fixture
def lines(restore_logging):
    """Set logging up as an entry point does; gives a reader of the lines so far."""
    stream = io.StringIO()
    log.setup(level="debug", stream=stream)
    return lambda: [json.loads(line, parse_constant=pytest.fail) for line in stream.getvalue().split("\n")[:-1]]


@pytest.fixture
def logger():
    return logging.getLogger("overspill_agent.loop")


def test_line_has_time_severity_event_and_logger(lines, logger):
    before = datetime.now(UTC)
    logger.warning("burst.retried")

    (line,) = lines()

    assert abs((datetime.fromisoformat(line.pop("time")) - before).total_seconds()) < 60
    assert line == {"severity": "WARNING", "message": "burst.retried", "logger": "overspill_agent.loop"}


def test_each_record_is_one_json_object_a_line_whatever_it_holds(lines, logger):
    logger.info("a\nb %s", "c\nd", extra={"text": "x\r\ny\u2028z", "é": "ü"})
    logger.info("next")

    assert [line["message"] for line in lines()] == ["a\nb c\nd", "next"]
    assert (lines()[0]["text"], lines()[0]["é"]) == ("x\r\ny\u2028z", "ü")


def test_extra_fields_stand_beside_the_event(lines, logger):
    logger.info(
        "burst.requested", extra={"nodes": 4, "zones": ["a", "b"], "reason": "no room", "error": ErrorClass.QUOTA}
    )

    (line,) = lines()

    assert (line["nodes"], line["zones"], line["reason"], line["error"]) == (4, ["a", "b"], "no room", "quota")


def test_every_line_about_a_burst_bears_its_id(lines, logger):
    with log.about_burst(BURST):
        logger.info("one")
        logging.getLogger("overspill_shared.sealing").error("two")
        with log.about_burst("other"):
            logger.info("three")
        logger.info("four")
    logger.info("five")

    assert [line.get("burst_id") for line in lines()] == [BURST, BURST, "other", BURST, None]


def test_burst_id_given_with_a_line_wins(lines, logger):
    with log.about_burst(BURST):
        logger.info("one", extra={"burst_id": "other"})

    assert lines()[0]["burst_id"] == "other"


def test_about_burst_ends_with_an_exception():
    with contextlib.suppress(KeyError), log.about_burst(BURST):
        assert log.current_burst() == BURST
        raise KeyError

    assert log.current_burst() is None


@pytest.mark.parametrize("json_lines", [True, False])
def test_secret_is_masked_wherever_it_stands(restore_logging, logger, json_lines):
    stream = io.StringIO()
    log.setup(stream=stream, json_lines=json_lines)
    key = Secret(b"canary")

    logger.info("key %s %r", key, key, extra={"key": key, "many": [key, {"deep": key}], "odd": {key: float("nan")}})

    assert stream.getvalue().count(MASK) == 6
    assert "canary" not in stream.getvalue()


@pytest.mark.parametrize("json_lines", [True, False])
def test_exception_comes_with_its_traceback(restore_logging, logger, json_lines):
    stream = io.StringIO()
    log.setup(stream=stream, json_lines=json_lines)
    try:
        parse_idset("no such rank")
    except ValueError:
        logger.exception("loop.failed")

    text = json.loads(stream.getvalue())["exception"] if json_lines else stream.getvalue()

    assert "Traceback (most recent call last)" in text
    assert "ValueError: 'no such rank' is not an idset" in text


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), {1, 2}, b"bytes", {(1, 2): 3}, {frozenset(): 1}, object(), ValueError("x")],
    ids=["nan", "infinity", "set", "bytes", "tuple-key", "set-key", "object", "exception"],
)
def test_what_cannot_be_json_is_given_as_text(lines, logger, value):
    logger.info("odd", extra={"value": value, "nodes": 4})

    (line,) = lines()

    assert line["value"] == str(value)
    assert line["message"] == "odd"


def test_cycle_is_given_as_text(lines, logger):
    cycle = []
    cycle.append(cycle)
    logger.info("odd", extra={"value": cycle})

    assert lines()[0]["value"] == "[[...]]"


@given(st.text(), st.dictionaries(st.text(), st.integers() | st.floats() | st.text() | st.binary()))
def test_formatter_makes_a_json_object_of_anything(message, value):
    line = log.JsonFormatter().format(logging.makeLogRecord({"msg": message, "value": value}))

    assert "\n" not in line
    assert json.loads(line, parse_constant=pytest.fail)["message"] == message


def test_setup_shows_our_level_and_only_warnings_of_libraries(restore_logging):
    stream = io.StringIO()
    log.setup(level="info", stream=stream)
    for name in ("overspill_agent.loop", "overspill_provision", "google.auth"):
        for level in (logging.DEBUG, logging.INFO, logging.WARNING):
            logging.getLogger(name).log(level, "%s", name)

    shown = [(line["logger"], line["severity"]) for line in map(json.loads, stream.getvalue().splitlines())]

    assert shown == [
        ("overspill_agent.loop", "INFO"),
        ("overspill_agent.loop", "WARNING"),
        ("overspill_provision", "INFO"),
        ("overspill_provision", "WARNING"),
        ("google.auth", "WARNING"),
    ]


@pytest.mark.parametrize("google_first", [True, False])
def test_setup_shows_warnings_of_google_s_libraries_whenever_they_are_first_used(restore_logging, google_first):
    google, stream = logging.getLogger("google"), io.StringIO()
    google.propagate = True
    google.setLevel(logging.NOTSET)
    steps = [client_logging.setup_logging, partial(log.setup, stream=stream)]
    for step in steps if google_first else reversed(steps):
        step()

    logging.getLogger("google.auth").warning("no credentials")

    assert "no credentials" in stream.getvalue()


def test_setup_twice_logs_each_line_once(lines, logger):
    stream = io.StringIO()
    log.setup(stream=stream)
    logger.info("one")

    assert stream.getvalue().count("\n") == 1
    assert lines() == []


def test_setup_logs_to_standard_error_by_default(restore_logging, logger, capsys, monkeypatch):
    log.setup()
    logger.info("one")

    assert logging.getLogger().handlers[0].stream is sys.stderr
    assert "one" in capsys.readouterr().err


def test_plain_line_is_for_a_person(restore_logging, logger):
    stream = io.StringIO()
    log.setup(stream=stream, json_lines=False)

    with log.about_burst(BURST):
        logger.info("burst.requested", extra={"nodes": 4})
    logger.info("idle")

    first, second = stream.getvalue().splitlines()
    assert first[9:] == f"info    burst.requested nodes=4 burst_id={BURST}"
    assert second[9:] == "info    idle"
