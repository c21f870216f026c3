import logging

from tests.unit.overspill_agent.examples import make_burst

from overspill_agent.moves import log_move


def test_log_move_says_the_latest_move_and_why_it_failed(caplog):
    caplog.set_level(logging.INFO, "overspill_agent")

    log_move(make_burst("JOINING"))
    log_move(make_burst("FAILED"))

    joining, failed = caplog.records
    assert (joining.message, joining.state, joining.cause) == ("burst.moved", "JOINING", "became JOINING")
    assert not hasattr(joining, "error_class")
    assert (failed.state, failed.error_class, failed.remedy) == ("FAILED", "capacity", "Wait.")
