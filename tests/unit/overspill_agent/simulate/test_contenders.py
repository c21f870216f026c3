import pytest

from overspill_agent.deciding.policy import Policy
from overspill_agent.simulate.contenders import DEFAULTS, parse_contender
from overspill_shared.errors import ConfigError


@pytest.mark.parametrize("name", DEFAULTS)
def test_each_policy_keeps_the_product_s_defaults_but_for_what_its_name_says(name):
    contender = parse_contender(name)

    own = {"backfill", "wait_margin_s"} if name == "always" else {"backfill"}
    for field in Policy.__dataclass_fields__:
        if field not in own:
            assert getattr(contender.policy, field) == getattr(Policy(), field)
    assert contender.name == name
    assert contender.has_slots is (name != "never")
    assert contender.policy.backfill


def test_a_variant_changes_any_key():
    contender = parse_contender("break-even:idle_timeout_s=120,backfill=false,max_bursts=2,cap_usd_per_day=none")

    policy = contender.policy
    assert (policy.idle_timeout_s, policy.backfill, policy.max_bursts, policy.cap_usd_per_day) == (120, False, 2, None)
    assert contender.name == "break-even:idle_timeout_s=120,backfill=false,max_bursts=2,cap_usd_per_day=none"


def test_always_waits_for_nothing_unless_it_is_told_to():
    assert parse_contender("always").policy.wait_margin_s < -1e9
    assert parse_contender("always:wait_margin_s=5").policy.wait_margin_s == 5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sometimes", "there is no policy 'sometimes', there are never, always, break-even"),
        ("break-even:colour=red", "colour"),
        ("break-even:idle_timeout_s", "'idle_timeout_s' has no value"),
        ("break-even:idle_timeout_s=soon", "idle_timeout_s: "),
        ("break-even:max_bursts=-1", "max_bursts: "),
        ("break-even:max_lifetime_s=60", "max_lifetime_s must be more than"),
        ("break-even:wait_margin_s=nan", "wait_margin_s: "),
    ],
)
def test_a_wrong_policy_is_shown_with_its_key(text, says):
    with pytest.raises(ConfigError) as caught:
        parse_contender(text)

    assert f"--policy {text}: " in caught.value.text
    assert says in caught.value.text
    assert "break-even:idle_timeout_s=300" in caught.value.remedy
