import pytest

from overspill_agent.init.slot_spec import parse_slot
from overspill_shared.errors import ConfigError


def test_slot_with_cores_alone_has_no_gpus_and_the_default_template():
    slot = parse_slot("burst-0=4:cores=8")

    assert (slot.name, slot.size, slot.cores, slot.gpus, slot.template) == ("burst-0", 4, 8, 0, "default")
    assert slot.machine is None
    assert slot.hosts == ("burst-0-0", "burst-0-1", "burst-0-2", "burst-0-3")


def test_slot_that_says_what_is_rented_describes_its_template():
    slot = parse_slot(
        "gpu-0=2:cores=8,gpus=1,template=gpu,machine=g2-standard-16,memory_mib=65536,"
        "zone=us-central1-a,zone=us-central1-f,price=1.5"
    )

    assert slot.machine.machine_type == "g2-standard-16"
    assert (slot.machine.cores, slot.machine.gpus, slot.machine.memory_mib) == (8, 1, 65536)
    assert slot.machine.zones == ("us-central1-a", "us-central1-f")
    assert slot.machine.price_usd_per_h == 1.5


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("burst-0", "it is NAME=COUNT"),
        ("burst-0=4", "cores is missing"),
        ("burst-0=four:cores=4", "COUNT: "),
        ("burst-0=0:cores=4", "COUNT: "),
        ("Burst=4:cores=4", "NAME: "),
        ("$(reboot)=4:cores=4", "NAME: "),
        ("burst-0=4:cores=0", "cores: "),
        ("burst-0=4:cores=4,gpus=-1", "gpus: "),
        ("burst-0=4:cores=4,cores=8", "cores stands twice"),
        ("burst-0=4:cores=4,colour=red", "'colour=red' is not one of"),
        ("burst-0=4:cores", "'cores' is not one of"),
        ("burst-0=4:cores=4,template=A_B", "template: "),
        ("burst-0=4:cores=4,machine=c2", "memory_mib is missing; zone is missing"),
        ("burst-0=4:cores=4,machine=c2,memory_mib=1,zone=mars", "zone"),
    ],
)
def test_slot_that_is_wrong_is_refused_with_the_reason_and_an_example(text, problem):
    with pytest.raises(ConfigError) as caught:
        parse_slot(text)

    assert f"--slot {text}: " in caught.value.text
    assert problem in caught.value.text
    assert "burst-0=4:cores=4" in caught.value.remedy
