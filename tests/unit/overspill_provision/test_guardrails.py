import pytest

from overspill_provision.guardrails import check_request
from overspill_shared.broker_toml import build_burst_config
from overspill_shared.errors import RequestRefused

BIG_SLOT = {"name": "burst-0", "size": 1000, "hosts": "burst-0-[0-999]"}


def test_check_request_of_our_agent_passes(burst_request, limits):
    check_request(burst_request(), limits)


def test_check_request_smaller_than_its_slot_passes(burst_request, limits):
    check_request(burst_request(size=1), limits)


@pytest.mark.parametrize(
    ("changes", "code", "named"),
    [
        ({"deployment": "test"}, "deployment", r"deployment is test, this function's is prod"),
        ({"burst_id": "0" * 32}, "burst-id", r"burst_id is 0{32}"),
        ({"size": 5}, "slot-size", r"size is 5, the slot burst-0 has 4 ranks"),
        ({"size": 1000, "slot": BIG_SLOT}, "max-nodes-per-burst", r"size is 1000, .*max_nodes_per_burst is 64"),
        ({"slot": {"size": 5}}, "slot-hosts", r"slot\.hosts has 4 hosts, slot\.size is 5"),
        ({"slot": {"hosts": "burst-0-[0-2"}}, "slot-hosts", r"slot\.hosts: .*hostlist"),
        ({"slot": {"hosts": "burst-1-[0-3]"}}, "slot-hosts", r"slot\.hosts has burst-1-0.*burst-0-0 to burst-0-3"),
        ({"slot": {"hosts": "burst-0-[3,2,1,0]"}}, "slot-hosts", r"slot\.hosts has burst-0-3"),
        ({"slot": {"hosts": "burst-0-[00-03]"}}, "slot-hosts", r"slot\.hosts has burst-0-00"),
        ({"slot": {"name": "burst-9", "hosts": "burst-9-[0-3]"}}, "broker-toml", r"lacks .*burst-9-\[0-3\]"),
        ({"expires_at": 1_760_014_401.0}, "times", r"expires_at is later than hard_end_at"),
        ({"deadline_at": 1_760_014_401.0}, "times", r"deadline_at is later than hard_end_at"),
        ({"lead": {"name": "lead-1"}}, "broker-toml", r"bootstrap\.hosts\[0\]"),
        ({"broker_toml": "[bootstrap"}, "broker-toml", r"broker_toml"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_check_request_that_does_not_hang_together_names_field_and_limit(burst_request, limits, changes, code, named):
    with pytest.raises(RequestRefused, match=named) as caught:
        check_request(burst_request(**changes), limits)

    assert caught.value.code == code
    assert caught.value.remedy


@pytest.mark.parametrize("field", ["generation", "zone", "broker_toml"])
def test_check_request_changed_on_its_way_is_refused(burst_request, limits, field):
    changed = {"generation": 5, "zone": "us-central1-b", "broker_toml": burst_request().broker_toml + "\n"}
    request = burst_request().model_copy(update={field: changed[field]})

    with pytest.raises(RequestRefused, match="burst_id"):
        check_request(request, limits)


@pytest.mark.parametrize("size", [64, 65])
def test_check_request_limit_is_the_largest_size_allowed(burst_request, limits, lead_config, size):
    lead_config["bootstrap"]["hosts"] = [{"host": "lead-0,burst-0-[0-999]"}]
    slot = {"name": "burst-0", "size": 1000, "hosts": "burst-0-[0-999]"}
    toml = build_burst_config(lead_config, host="lead.example.org", port=8050)
    request = burst_request(size=size, slot=slot, broker_toml=toml)

    if size <= limits.max_nodes_per_burst:
        check_request(request, limits)
    else:
        with pytest.raises(RequestRefused, match="max_nodes_per_burst"):
            check_request(request, limits)
