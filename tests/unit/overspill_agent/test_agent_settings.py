import dataclasses

import pytest
from tests.unit.overspill_agent.examples import make_facts, rank_resources

from overspill_agent.agent_settings import AgentSettings, load_agent_settings
from overspill_agent.deciding.policy import Policy
from overspill_shared.errors import ConfigError

TEMPLATE = {
    "machine_type": "a2-highgpu-1g",
    "cores": 6,
    "gpus": 1,
    "memory_mib": 87040,
    "zones": ["europe-west4-b", "europe-west4-a"],
    "price_usd_per_h": 3.67,
    "spot": True,
}


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "overspill.toml"
        path.write_text(text)
        return path

    return write


def refused(environ=None, **options):
    with pytest.raises(ConfigError) as caught:
        load_agent_settings(environ or {}, **options)
    return caught.value


def test_load_without_anything_gives_the_defaults():
    assert load_agent_settings({}) == AgentSettings()


def test_default_policy_is_the_policys_own():
    assert AgentSettings().policy() == Policy()


OTHERS = {"eligible": "all", "placement": "spread"}
TELLABLE = [field.name for field in dataclasses.fields(Policy) if field.name in AgentSettings.model_fields]


@pytest.mark.parametrize("field", TELLABLE)
def test_policy_takes_each_of_its_values_from_the_settings(field):
    default = getattr(Policy(), field)
    value = OTHERS[field] if field in OTHERS else not default if isinstance(default, bool) else (default or 0) + 1

    assert getattr(load_agent_settings({f"OVERSPILL_{field.upper()}": str(value)}).policy(), field) == value


def test_load_of_a_lease_that_may_lapse_before_the_ranks_join_raises():
    assert "lease_s must be at least join_timeout_s" in refused({"OVERSPILL_LEASE_S": "1199"}).text
    assert load_agent_settings({"OVERSPILL_LEASE_S": "1200"}).lease_s == 1200


def test_load_reads_file_environment_and_flags_in_this_order(file):
    path = file('deployment = "file"\nlead_id = "file"\nlog_level = "error"\n')

    settings = load_agent_settings(
        {"OVERSPILL_LEAD_ID": "env", "OVERSPILL_LOG_LEVEL": "info", "OVERSPILL_CONFIG": str(path)},
        file=path,
        flags={"log_level": "debug", "log_format": None},
    )

    assert (settings.deployment, settings.lead_id, settings.log_level) == ("file", "env", "debug")
    assert settings.log_format == "json"


def test_load_of_tables_reads_slots_and_templates(file):
    settings = load_agent_settings(
        {},
        file=file(
            "[slots.burst-1]\ntemplate = 'gpu'\n[templates.gpu]\nmachine_type = 'g2-standard-4'\ncores = 2\n"
            "memory_mib = 16384\nzones = ['us-central1-a']\n"
        ),
    )

    assert settings.slots["burst-1"].template == "gpu"
    assert settings.templates["gpu"].machine_type == "g2-standard-4"


@pytest.mark.parametrize(
    ("environ", "project"),
    [
        ({}, ""),
        ({"GOOGLE_CLOUD_PROJECT": "google"}, "google"),
        ({"OVERSPILL_PROJECT": "ours"}, "ours"),
        ({"OVERSPILL_PROJECT": "ours", "GOOGLE_CLOUD_PROJECT": "google"}, "ours"),
    ],
    ids=["none", "google's", "ours", "ours wins"],
)
def test_load_finds_the_project(environ, project):
    assert load_agent_settings(environ).project == project


def test_load_with_wrong_values_names_every_key():
    error = refused(
        {
            "OVERSPILL_DEPLOYMENT": "Not A Name",
            "OVERSPILL_LEAD_PORT": "70000",
            "OVERSPILL_IDLE_TIMEOUT_S": "0",
            "OVERSPILL_LOG_LEVEL": "loud",
            "OVERSPILL_APP_IMAGE": "; rm",
            "OVERSPILL_TEMPLATES": '{"hpc": {"machine_type": "C2", "cores": 0, "memory_mib": 1, "zones": ["europe"]}}',
        }
    )

    for key in (
        "deployment",
        "lead_port",
        "idle_timeout_s",
        "log_level",
        "app_image",
        "templates.hpc.machine_type",
        "templates.hpc.cores",
        "templates.hpc.zones.0",
    ):
        assert f"{key}: " in error.text
    assert "docs/settings.md" in error.remedy


def test_load_of_an_unknown_key_names_it(file):
    assert "idle_timeout: is not a setting" in refused(file=file("idle_timeout = 5\n")).text


@pytest.mark.parametrize(
    "times",
    [
        {"MAX_LIFETIME_S": "900"},
        {"MAX_LIFETIME_S": "2100"},
        {"DRAIN_BEFORE_END_S": "27600"},
        {"JOIN_TIMEOUT_S": "27900"},
    ],
    ids=["shorter than draining", "as long as joining and draining", "long draining", "long joining"],
)
def test_load_of_a_lifetime_without_room_for_work_raises(times):
    # A burst that drains as soon as it has joined is paid for, runs nothing, and is requested again.
    error = refused({f"OVERSPILL_{key}": value for key, value in times.items()})

    assert "max_lifetime_s must be more than join_timeout_s and drain_before_end_s together" in error.text
    assert "Value error" not in error.text


def test_load_of_a_lifetime_with_a_second_for_work_is_taken():
    assert load_agent_settings({"OVERSPILL_MAX_LIFETIME_S": "2101"}).max_lifetime_s == 2101


def test_named_templates_without_any_gives_a_default_like_the_slots_ranks():
    hosts = ("lead-0", "burst-0-0", "burst-0-1")
    cores, gpus = (64, 8, 16), (0, 2, 1)
    resources = tuple(rank_resources(r, hosts[r], cores=cores[r], gpus=gpus[r]) for r in range(3))

    named = AgentSettings().named_templates(make_facts(hosts=hosts, resources=resources))

    assert list(named) == ["default"]
    assert (named["default"].cores, named["default"].gpus) == (16, 2)


@pytest.mark.parametrize(
    ("resources", "cores"), [((), 4), ((rank_resources(0, "burst-0-0", cores=0),), 1)], ids=["no slots", "no cores"]
)
def test_named_templates_always_gives_a_valid_default(resources, cores):
    named = AgentSettings().named_templates(make_facts(resources=resources))

    assert (named["default"].cores, named["default"].gpus) == (cores, 0)


def test_named_templates_carry_all_that_is_set():
    settings = AgentSettings(templates={"gpu": TEMPLATE})

    template = settings.named_templates(make_facts())["gpu"]

    assert template.model_dump(mode="json").items() >= {"name": "gpu", **TEMPLATE}.items()


def test_load_reads_a_templates_volumes_and_names_a_wrong_key_in_one(file):
    text = (
        "[templates.hpc]\nmachine_type = 'c2-standard-60'\ncores = 30\nmemory_mib = 1\nzones = ['us-central1-a']\n"
        "threads_per_core = 1\n[[templates.hpc.volumes]]\nname = 'home'\nmount_path = '/home'\n"
        "nfs = { server = '10.0.0.2', path = '/vol1' }\n"
    )

    (volume,) = load_agent_settings({}, file=file(text)).templates["hpc"].volumes

    assert (volume.mount_path, volume.nfs.server) == ("/home", "10.0.0.2")
    assert "templates.hpc.volumes.0.read_olny" in refused(file=file(f"{text}read_olny = true\n")).text
    assert "templates.hpc" in refused(file=file(text.replace("c2-standard-60", "h3-standard-88"))).text


def test_named_templates_with_the_least_have_no_gpus_and_no_spot_nodes():
    least = {key: TEMPLATE[key] for key in ("machine_type", "cores", "memory_mib", "zones")}

    template = AgentSettings(templates={"t": least}).named_templates(make_facts())["t"]

    assert (template.gpus, template.spot, template.price_usd_per_h, template.app_image) == (0, False, None, None)


@pytest.mark.parametrize(("port", "is_taken"), [(0, False), (1, True), (65535, True), (65536, False)])
def test_load_takes_the_ports_that_there_are(port, is_taken):
    environ = {"OVERSPILL_LEAD_PORT": str(port)}
    if is_taken:
        assert load_agent_settings(environ).lead_port == port
    else:
        assert "lead_port: " in refused(environ).text


def test_named_templates_with_an_own_default_keep_it():
    named = AgentSettings(templates={"default": TEMPLATE}).named_templates(make_facts())

    assert (list(named), named["default"].machine_type) == (["default"], "a2-highgpu-1g")


@pytest.mark.parametrize("changes", [{}, {"flux_version": "0.88.0"}, {"app_image": "a", "flux_version": "0.88.7-3"}])
def test_named_templates_of_the_instances_flux_are_taken(changes):
    named = AgentSettings(templates={"gpu": {**TEMPLATE, **changes}}).named_templates(make_facts())

    assert named["gpu"].flux_version == changes.get("flux_version")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"app_image": "example.org/gpu:1"}, "the image example.org/gpu:1 is not the lead's"),
        ({"app_image": "example.org/gpu:1", "flux_version": "0.87.0"}, "0.87.0 cannot join an instance of Flux 0.88.0"),
        ({"flux_version": "1.88.0"}, "1.88.0 cannot join an instance of Flux 0.88.0"),
    ],
    ids=["undeclared", "other minor", "other major"],
)
def test_named_templates_with_another_flux_raise_naming_the_key(changes, text):
    settings = AgentSettings(templates={"gpu": {**TEMPLATE, **changes}})

    with pytest.raises(ConfigError) as caught:
        settings.named_templates(make_facts())

    assert caught.value.code == "flux-version"
    assert caught.value.text.startswith("templates.gpu.flux_version: ")
    assert text in caught.value.text
    assert "0.88" in caught.value.remedy


def no_file(name):
    raise AssertionError(name)


def test_sealing_key_is_the_line_that_is_set(keypair):
    assert AgentSettings(public_key=f"# ours\n{keypair[0]}\n").sealing_key(no_file) == keypair[0]


def test_sealing_key_is_read_from_the_named_file(keypair):
    settings = AgentSettings(public_key_file="/etc/overspill/key.pub")

    assert settings.sealing_key({"/etc/overspill/key.pub": keypair[0]}.__getitem__) == keypair[0]


def unreadable(name):
    raise FileNotFoundError(2, "No such file or directory", name)


@pytest.mark.parametrize(
    ("settings", "read", "told"),
    [
        pytest.param({}, no_file, "public_key: no key", id="none"),
        pytest.param({"public_key": "hello"}, no_file, "no public key found", id="no key line"),
        pytest.param({"public_key": "overspill-public-key:v1:AAAA"}, no_file, "32 bytes", id="a short key"),
        pytest.param({"public_key_file": "/k"}, lambda _: "hello", "no public key found", id="no key in the file"),
        pytest.param({"public_key_file": "/k"}, unreadable, "public_key_file: /k: No such file", id="no file"),
    ],
)
def test_sealing_key_that_is_none_raises(settings, read, told):
    with pytest.raises(ConfigError, match=told):
        AgentSettings(**settings).sealing_key(read)
