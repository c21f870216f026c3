from pathlib import Path

from overspill_local.flux_brokers import LeadLayout
from overspill_local.standin.broker import parse_options
from overspill_local.standin.protocol import socket_path
from overspill_local.standin_brokers import StandInBrokers, broker_argv

LAYOUT = LeadLayout(directory=Path("/d"), port=8050, frobnicator_path=Path("/f.py"))
BROKERS = StandInBrokers(layout=LAYOUT)


def options_of(argv):
    assert argv[1:4] == ["-m", "overspill_local.standin", "broker"]
    return parse_options(argv[4:])


def test_lead_serves_where_its_uri_says_and_keeps_its_state():
    options = options_of(BROKERS.local_argv(0))

    assert options.local_uri == BROKERS.uri == "standin:///d/run/lead-0/local"
    assert socket_path(BROKERS.uri)
    assert (options.hostname, options.config_path) == ("lead-0", LAYOUT.config_directory)
    assert options.statedir == LAYOUT.state_directory


def test_other_ranks_have_their_own_names_and_directories():
    local, slot = options_of(BROKERS.local_argv(1)), options_of(BROKERS.follower_argv(3, Path("/d/burst")))

    assert (local.hostname, local.rundir, local.statedir) == ("lead-1", Path("/d/run/lead-1"), None)
    assert (slot.hostname, slot.rundir, slot.config_path) == ("burst-0-1", Path("/d/run/burst-0-1"), Path("/d/burst"))


def test_pods_broker_is_the_same_command():
    argv = broker_argv(hostname="burst-0-1", config_directory=Path("/d/burst"), run_directory=Path("/d/run/burst-0-1"))

    assert argv == BROKERS.follower_argv(3, Path("/d/burst"))
