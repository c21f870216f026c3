import pytest

from overspill_agent.simulate.scenario import PRICE_USD_PER_H, build_scenario, parse_slots
from overspill_agent.simulate.trace import Trace
from overspill_shared.errors import ConfigError

SILENT = Trace(name="log", jobs=())
TELLING = Trace(name="log", jobs=(), nodes=8, slots={"gpu-0": 2}, price_usd_per_h=3.0)


def test_what_the_trace_says_is_used():
    scenario = build_scenario(TELLING)

    assert (scenario.nodes, scenario.slots, scenario.price_usd_per_h) == (8, {"gpu-0": 2}, 3.0)


def test_options_count_more_than_the_trace():
    scenario = build_scenario(TELLING, nodes=4, slots={"burst-0": 1}, price_usd_per_h=0.0, seed=5)

    assert (scenario.nodes, scenario.slots, scenario.price_usd_per_h, scenario.seed) == (4, {"burst-0": 1}, 0.0, 5)


def test_without_a_word_there_is_one_slot_as_large_as_the_machine():
    scenario = build_scenario(SILENT, nodes=6)

    assert (scenario.slots, scenario.price_usd_per_h) == ({"burst-0": 6}, PRICE_USD_PER_H)


def test_a_machine_of_unknown_size_is_asked_for():
    with pytest.raises(ConfigError, match=r"log does not say how many nodes its machine has. Give --nodes."):
        build_scenario(SILENT)


@pytest.mark.parametrize("texts", [["burst-0"], ["burst-0=x"], ["burst-0=0"], ["B=1"], ["=1"], ["a=1", "a=2"]])
def test_a_wrong_slot_is_shown_with_an_example(texts):
    with pytest.raises(ConfigError, match="Write --slot burst-0=8") as caught:
        parse_slots(texts)

    assert texts[-1] in caught.value.text
