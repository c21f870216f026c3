import pytest
from tests.unit.overspill_agent.examples import HOSTS, make_facts, make_slots, make_template, rank_resources

from overspill_agent.deciding.slots import Slot, find_slots
from overspill_shared.errors import ConfigError

DEFAULT = {"default": make_template()}


def found(hosts, *, templates=DEFAULT, slot_templates=None, burst_property="burst"):
    facts = make_facts(hosts=tuple(hosts))
    return find_slots(facts, templates, slot_templates or {}, burst_property=burst_property)


def refused(*args, **options):
    with pytest.raises(ConfigError) as caught:
        found(*args, **options)
    return caught.value


def test_find_slots_groups_marked_ranks_by_host_prefix():
    first, second = make_slots()

    assert (first.name, first.ranks, first.hosts) == ("burst-0", (2, 3, 4, 5), HOSTS[2:6])
    assert (second.name, second.ranks, second.hostlist) == ("burst-1", (6, 7, 8, 9), "burst-1-[0-3]")


@pytest.mark.parametrize(
    ("hosts", "slots"),
    [
        pytest.param(["lead-0", "lead-1"], [], id="none is marked"),
        pytest.param(["lead-0", "burst-0"], [("burst", (1,))], id="prefix without a number"),
        pytest.param(
            ["lead-0", "burst-b-0", "burst-a-0", "burst-b-1"],
            [("burst-b", (1, 3)), ("burst-a", (2,))],
            id="interleaved, in the order of their first ranks",
        ),
        pytest.param(["lead-0", *(f"burst-{i}" for i in range(12))], [("burst", tuple(range(1, 13)))], id="two digits"),
    ],
)
def test_find_slots_of_hosts_gives_name_and_ranks(hosts, slots):
    assert [(slot.name, slot.ranks) for slot in found(hosts)] == slots


def test_find_slots_by_another_property_takes_only_its_ranks():
    hosts = ("lead-0", "cloud-0", "burst-0")
    resources = [rank_resources(rank, host) for rank, host in enumerate(hosts)]
    resources[1] = type(resources[1])(rank=1, cores=1, gpus=0, properties=frozenset({"cloud", "x"}))
    facts = make_facts(hosts=hosts, resources=tuple(resources))

    slots = find_slots(facts, DEFAULT, {}, burst_property="cloud")

    assert [slot.name for slot in slots] == ["cloud"]


def test_find_slots_of_resources_in_any_order_keeps_rank_order():
    facts = make_facts()
    shuffled = make_facts(resources=tuple(reversed(facts.resources)))

    assert find_slots(shuffled, DEFAULT, {}, burst_property="burst") == make_slots(facts)


def test_find_slots_with_named_template_uses_it():
    templates = {**DEFAULT, "gpu": make_template(name="gpu", gpus=4)}

    first, second = found(HOSTS, templates=templates, slot_templates={"burst-1": "gpu"})

    assert (first.template, second.template) == ("default", "gpu")


@pytest.mark.parametrize(
    ("hosts", "slot", "shown"),
    [
        pytest.param(["lead-0", "burst-0-1", "burst-0-0"], "'burst-0'", "burst-0-[1,0]", id="wrong order"),
        pytest.param(["lead-0", "burst-0-1", "burst-0-2"], "'burst-0'", "burst-0-[1-2]", id="numbered from 1"),
        pytest.param(["lead-0", "burst-0-0", "burst-0-2"], "'burst-0'", "burst-0-[0,2]", id="with a gap"),
        pytest.param(["lead-0", "burst-0-00", "burst-0-01"], "'burst-0'", "burst-0-[00-01]", id="padded numbers"),
        pytest.param(["lead-0", "burstA-0"], "'burstA'", "burstA-0", id="uppercase"),
        pytest.param(["lead-0", "burst.x-0"], "'burst.x'", "burst.x-0", id="dot"),
        pytest.param(["lead-0", "burst"], "'burst'", "burst", id="no number"),
        pytest.param(["lead-0", "burst0"], "'burst'", "burst0", id="no dash"),
        pytest.param(["lead-0", "burst-" + "x" * 40 + "-0"], "'burst-x", "xxx-0", id="too long"),
    ],
)
def test_find_slots_whose_hosts_pods_cannot_have_raises_naming_them(hosts, slot, shown):
    error = refused(hosts)

    assert error.code == "slot-hosts"
    assert error.text.startswith("bootstrap.hosts: the slot ")
    assert slot in error.text
    assert shown in error.text
    assert "rename the hosts" in error.remedy


def test_find_slots_with_an_unknown_template_raises_naming_slot_and_template():
    error = refused(HOSTS, slot_templates={"burst-1": "big"})

    assert error.code == "template-unknown"
    assert error.text == "slots.burst-1.template: there is no template 'big' (there are: default)."
    assert "[templates.big]" in error.remedy


def test_find_slots_without_any_template_raises():
    assert "there are: none" in refused(HOSTS, templates={}).text


@pytest.mark.parametrize(
    ("hosts", "shown"), [(HOSTS, "burst-0, burst-1"), (["lead-0"], "none")], ids=["some slots", "no slots"]
)
def test_find_slots_with_settings_for_an_unknown_slot_raises_naming_it(hosts, shown):
    error = refused(hosts, slot_templates={"burst-7": "default", "burst-9": "default"})

    assert error.code == "slot-unknown"
    assert error.text == f"slots.burst-7: the instance declares no such slot (it has {shown})."
    assert "'burst'" in error.remedy


@pytest.mark.parametrize(("size", "ranks"), [(1, {3}), (2, {3, 4}), (3, {3, 4, 8}), (9, {3, 4, 8})])
def test_first_ranks_of_a_slot_are_its_lowest(size, ranks):
    slot = Slot(name="b", ranks=(3, 4, 8), hosts=("b-0", "b-1", "b-2"), template="default")

    assert slot.first_ranks(size) == ranks
    assert slot.size == 3
