import copy
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_shared import broker_toml as bt
from overspill_shared.errors import ConfigError, RequestRefused

HOSTS = (*(f"lead-{i}" for i in range(2)), *(f"burst-{b}-{i}" for b in range(2) for i in range(4)))
LOOPBACK = 'hosts = [{ host = "lead-0", bind = "tcp://127.0.0.1:8050", connect = "tcp://127.0.0.1:8050" }, '
CHECK = {"lead_name": "lead-0", "host": "lead.example.org", "port": 8050, "slot_hosts": "burst-0-[0-3]"}


def built(lead_config, *, host="lead.example.org", port=8050, **options):
    return bt.build_burst_config(lead_config, host=host, port=port, **options)


def with_hosts(*entries, **bootstrap):
    return {"bootstrap": {"hosts": list(entries), **bootstrap}}


def test_parse_of_what_is_no_toml_is_the_lead_s_fault():
    for text in ("[bootstrap", "a = ", "a = 1\na = 2", "a = " + "[" * 10_000, "a = " + "9" * 5000):
        with pytest.raises(ConfigError, match=r"broker\.toml is not TOML") as caught:
            bt.parse(text)
        assert caught.value.code == "broker-toml"


@pytest.mark.parametrize(
    ("entries", "hosts"),
    [
        ([{"host": "lead-[0-1]"}, {"host": "burst-0-[0-1]"}], ["lead-0", "lead-1", "burst-0-0", "burst-0-1"]),
        (["lead-[0-1],burst-0-[0-1]"], ["lead-0", "lead-1", "burst-0-0", "burst-0-1"]),
        ([{"host": "lead-0", "connect": "tcp://10.0.0.1:8050"}, "lead-[0-1]"], ["lead-0", "lead-1"]),
        (["b-1", "b-0", "b-[0-2]"], ["b-1", "b-0", "b-2"]),
    ],
    ids=["tables", "plain-string", "duplicate", "order-of-first-appearance"],
)
def test_bootstrap_hosts_are_in_rank_order_without_duplicates(entries, hosts):
    assert bt.bootstrap_hosts(with_hosts(*entries)) == tuple(hosts)


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({}, r"bootstrap\.hosts is missing"),
        ({"bootstrap": {}}, r"bootstrap\.hosts is missing"),
        ({"bootstrap": "lead-0"}, r"bootstrap\.hosts is missing"),
        ({"bootstrap": {"hosts": []}}, r"bootstrap\.hosts is missing"),
        ({"bootstrap": {"hosts": "lead-0"}}, r"bootstrap\.hosts is no array"),
        (with_hosts({"host": "lead-0"}, {"bind": "tcp://eth0:1"}), r"bootstrap\.hosts\[1\] has no host"),
        (with_hosts(7), r"bootstrap\.hosts\[0\] has no host"),
        (with_hosts({"host": ["lead-0"]}), r"bootstrap\.hosts\[0\] has no host"),
        (with_hosts("lead-0", {"host": "burst-0-[3-0]"}), r"bootstrap\.hosts\[1\]\.host: 'burst-0-\[3-0\]'"),
    ],
)
def test_bootstrap_hosts_that_are_wrong_are_named(config, key):
    for use in (bt.bootstrap_hosts, built):
        with pytest.raises(ConfigError, match=key) as caught:
            use(config)
        assert caught.value.code == "bootstrap-hosts"
        assert "flux-config-bootstrap" in caught.value.remedy


@pytest.mark.parametrize(
    ("config", "address"),
    [
        (with_hosts({"host": "lead-0", "connect": "tcp://10.0.0.1:8050"}), ("10.0.0.1", 8050)),
        (with_hosts({"host": "lead-[0-1]", "connect": "tcp://Lead.Example:1"}), ("Lead.Example", 1)),
        (with_hosts({"host": "lead-0", "connect": "tcp://10.0.0.1:65535"}), ("10.0.0.1", 65535)),
        (with_hosts({"host": "lead-0", "connect": "tcp://[2001:db8::1]:8050"}), ("2001:db8::1", 8050)),
        (with_hosts("lead-0", default_connect="tcp://10.0.0.2:8050"), ("10.0.0.2", 8050)),
        (with_hosts({"host": "lead-0"}, default_connect="tcp://%h.flux.svc:%p"), None),
        (with_hosts({"host": "lead-0", "connect": "tcp://10.0.0.1:%p"}), None),
        (with_hosts({"host": "lead-0", "connect": "tcp://%h.flux.svc:8050"}), None),
        (with_hosts("lead-0"), None),
        ({}, None),
    ],
)
def test_lead_address_is_what_rank_0_is_reached_at(config, address):
    assert bt.lead_address(config) == address


@pytest.mark.parametrize(
    ("config", "key"),
    [
        (with_hosts({"host": "lead-0", "connect": "ipc:///tmp/flux"}), r"bootstrap\.hosts\[0\]\.connect must be"),
        (with_hosts("lead-0", default_connect="tcp://eth0"), r"bootstrap\.default_connect must be"),
    ],
)
def test_lead_address_that_is_wrong_names_the_key(config, key):
    with pytest.raises(ConfigError, match=key):
        bt.lead_address(config)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "lead-0:8050",
        "tcp://",
        "tcp://lead-0",
        "tcp://lead-0:",
        "tcp://:8050",
        "tcp://lead-0:0",
        "tcp://lead-0:65536",
        "tcp://lead-0:8050/path",
        "tcp://lead-0:8050?x",
        "tcp://lead-0:8050\n",
        "tcp://user@lead-0:8050",
        "tcp://elsewhere:1@lead-0:8050",
        "tcp://2001:db8::1:8050",
        "tcp://[lead-0]:8050",
        "TCP://lead-0:8050",
        "http://lead-0:8050",
        "tcp://lead-0:٣",
    ],
)
def test_uri_of_another_form_is_refused_naming_the_key(uri):
    with pytest.raises(ConfigError, match=r"^lead_uri must be tcp://HOST:PORT") as caught:
        bt.parse_tcp_uri(uri, "lead_uri")

    assert caught.value.code == "lead-address"


def test_burst_config_puts_the_lead_s_address_in_front_and_keeps_the_rest(lead_config):
    config = tomllib.loads(built(lead_config))

    assert config["bootstrap"]["hosts"] == [
        {"host": "lead-0", "connect": "tcp://lead.example.org:8050"},
        {"host": "lead-[0-1]"},
        {"host": "burst-0-[0-3],burst-1-[0-3]"},
    ]
    assert bt.bootstrap_hosts(config) == bt.bootstrap_hosts(lead_config) == HOSTS
    assert bt.lead_address(config) == ("lead.example.org", 8050)
    assert config["access"] == lead_config["access"]
    assert config["sched-fluxion-resource"] == lead_config["sched-fluxion-resource"]
    assert config["bootstrap"]["default_connect"] == lead_config["bootstrap"]["default_connect"]


def test_burst_config_finds_its_certificate_where_the_operator_keeps_it(lead_config):
    assert tomllib.loads(built(lead_config))["bootstrap"]["curve_cert"] == bt.CURVE_CERT_PATH


def test_burst_config_has_no_resource_path_but_keeps_verification(lead_config):
    assert tomllib.loads(built(lead_config))["resource"] == {"noverify": True}


def test_burst_config_has_no_resource_table_where_only_the_path_stood(lead_config):
    lead_config["resource"] = {"path": "/etc/flux/R"}

    assert "resource" not in tomllib.loads(built(lead_config))


def test_burst_config_survives_short_breaks_of_the_link(lead_config):
    assert tomllib.loads(built(lead_config))["tbon"] == {"tcp_user_timeout": "2m"}
    assert tomllib.loads(built(lead_config, tcp_user_timeout="5m"))["tbon"] == {"tcp_user_timeout": "5m"}


def test_burst_config_keeps_the_lead_s_own_tbon_settings_but_its_topology(lead_config):
    lead_config["tbon"] = {"tcp_user_timeout": "40s", "torpid_max": "1m", "topo": "kary:2"}

    assert tomllib.loads(built(lead_config))["tbon"] == {"tcp_user_timeout": "40s", "torpid_max": "1m"}


def test_burst_config_keeps_verification_and_drops_the_lead_s_files(lead_config):
    kept = {"verify": [{"default": "allow-missing"}, {"hosts": ["burst-0-[0-3]"], "core": "strict"}], "exclude": "0"}
    lead_config["resource"] = {**kept, "path": "/etc/flux/R", "scheduling": "/etc/flux/scheduling.json"}

    assert tomllib.loads(built(lead_config))["resource"] == kept


@pytest.mark.parametrize(("host", "enabled"), [("2001:db8::1", True), ("10.0.0.1", None), ("lead.example.org", None)])
def test_burst_config_enables_ipv6_where_the_address_is_one(lead_config, host, enabled):
    assert tomllib.loads(built(lead_config, host=host))["bootstrap"].get("enable_ipv6") is enabled


@pytest.mark.parametrize(
    ("config", "port"),
    [
        ({}, 8050),
        (with_hosts("lead-0"), 8050),
        (with_hosts("lead-0", default_port=9000), 9000),
        (with_hosts("lead-0", default_port=1), 1),
        (with_hosts("lead-0", default_port=65535), 65535),
        (with_hosts("lead-0", default_port=9000, default_bind="tcp://eth0:%p"), 9000),
        (with_hosts("lead-0", default_port=9000, default_bind="tcp://eth0:9001"), 9001),
        (with_hosts({"host": "lead-0", "bind": "tcp://[::]:9002"}, default_bind="tcp://eth0:9001"), 9002),
    ],
)
def test_overlay_port_is_what_the_lead_s_broker_listens_on(config, port):
    assert bt.overlay_port(config) == port


@pytest.mark.parametrize("port", [0, 65536, "8050"])
def test_overlay_port_that_is_none_names_the_key(port):
    with pytest.raises(ConfigError, match=r"^bootstrap\.default_port must be") as caught:
        bt.overlay_port(with_hosts("lead-0", default_port=port))

    assert caught.value.code == "lead-address"


def test_burst_config_wins_over_the_lead_s_own_connect():
    lead = bt.parse(f'[bootstrap]\n{LOOPBACK} "lead-1,burst-0-[0-3]"]\n')

    config = tomllib.loads(built(lead, host="198.51.100.7", port=30093))

    assert bt.lead_address(config) == ("198.51.100.7", 30093)
    assert config["bootstrap"]["hosts"][1]["connect"] == "tcp://127.0.0.1:8050"
    assert config["bootstrap"]["hosts"][2] == {"host": "lead-1,burst-0-[0-3]"}
    assert bt.bootstrap_hosts(config) == bt.bootstrap_hosts(lead)


@pytest.mark.parametrize(
    ("host", "uri"),
    [
        ("2001:db8::1", "tcp://[2001:db8::1]:8050"),
        ("10.0.0.1", "tcp://10.0.0.1:8050"),
        ("Lead_0.Example.ORG", "tcp://Lead_0.Example.ORG:8050"),
    ],
)
def test_burst_config_spells_addresses_so_that_the_check_finds_them(lead_config, host, uri):
    text = built(lead_config, host=host)

    assert tomllib.loads(text)["bootstrap"]["hosts"][0]["connect"] == uri
    bt.check_burst_config(text, **{**CHECK, "host": host})


def test_burst_config_leaves_the_lead_s_configuration_alone(lead_config):
    before = copy.deepcopy(lead_config)

    built(lead_config)

    assert lead_config == before


def reversed_keys(value):
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(value)}
    return [reversed_keys(item) for item in value] if isinstance(value, list) else value


def test_burst_config_depends_on_the_content_alone(lead_config):
    lead_config["bootstrap"]["hosts"][0] = {"host": "lead-[0-1]", "bind": "tcp://eth0:1", "connect": "tcp://a:1"}

    assert built(reversed_keys(lead_config)) == built(copy.deepcopy(lead_config)) == built(lead_config)


toml_values = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OWN_TABLES = ("bootstrap", "resource", "tbon")


@given(st.dictionaries(st.text().filter(lambda key: key not in OWN_TABLES), toml_values, max_size=4))
def test_burst_config_keeps_whatever_else_the_lead_has(others):
    text = built({**others, **with_hosts("lead-0,burst-0-[0-3]")})

    assert {key: value for key, value in tomllib.loads(text).items() if key not in OWN_TABLES} == others
    bt.check_burst_config(text, **CHECK)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"lead_name": "lead-1"}, r"hosts\[0\] must be lead-1 at tcp://lead\.example\.org:8050"),
        ({"host": "10.0.0.9"}, r"hosts\[0\] must be lead-0 at tcp://10\.0\.0\.9:8050"),
        ({"host": "2001:db8::1"}, r"hosts\[0\] must be lead-0 at tcp://\[2001:db8::1\]:8050"),
        ({"port": 8051}, r"hosts\[0\] must be lead-0 at tcp://lead\.example\.org:8051"),
        ({"slot_hosts": "burst-0-[2-5]"}, r"lacks the slot's hosts burst-0-\[4-5\]"),
        ({"slot_hosts": "burst-7-[0-1]"}, r"lacks the slot's hosts burst-7-\[0-1\]"),
        ({"slot_hosts": "burst-0-["}, r"is not a hostlist"),
    ],
)
def test_check_refuses_a_config_of_another_message(lead_config, changed, reason):
    with pytest.raises(RequestRefused, match=rf"^broker_toml: .*{reason}") as caught:
        bt.check_burst_config(built(lead_config), **{**CHECK, **changed})

    assert caught.value.code == "broker-toml"
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", r"bootstrap\.hosts is missing"),
        ("[bootstrap", r"is not TOML"),
        ("a = " + "[" * 10_000, r"is not TOML"),
        (f'[bootstrap]\n{LOOPBACK} "burst-0-[0-3]"]', r"hosts\[0\] must be"),
        ('[bootstrap]\nhosts = ["lead-0,burst-0-[0-3]"]', r"hosts\[0\] must be"),
        ('[bootstrap]\nhosts = ["lead-0,burst-0-[0-3]"]\ndefault_connect = "x"', r"default_connect must be"),
        ('[bootstrap]\nhosts = ["lead-0,burst-0-[0-3]"]\ndefault_connect = "tcp://%h:%p"', r"hosts\[0\] must be"),
    ],
)
def test_check_refuses_a_config_that_no_agent_builds(text, reason):
    with pytest.raises(RequestRefused, match=rf"^broker_toml: .*{reason}"):
        bt.check_burst_config(text, **CHECK)


@pytest.mark.parametrize("key", ["path", "scheduling"])
def test_check_refuses_a_file_on_the_lead(lead_config, key):
    text = built(lead_config).replace("noverify = true", f'{key} = "/etc/flux/R"')

    with pytest.raises(RequestRefused, match=rf"resource\.{key} must not be set"):
        bt.check_burst_config(text, **CHECK)


def test_burst_config_drops_ingest_plugins_that_are_files_of_the_lead():
    ingest = {
        "frobnicator": {"plugins": ["/etc/overspill/frob.py", "defaults", "constraints"], "args": ["--burst-queue=b"]},
        "validator": {"plugins": ["jobspec", "feasibility"], "args": ["--require-version=1"]},
        "batch-count": 4,
    }

    built = tomllib.loads(
        bt.build_burst_config({"bootstrap": {"hosts": ["lead-0"]}, "ingest": ingest}, host="h", port=1)
    )

    assert built["ingest"] == ingest | {"frobnicator": {"plugins": ["defaults", "constraints"]}}
