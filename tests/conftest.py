"""Example messages that hang together, as factories: a test changes only what it is about.

`burst_request(size=2, lead={"port": 9000})` merges into nested tables; burst id, broker.toml and seal follow from the
rest unless they are given. The factories live for the session, so that hypothesis may use them too.
"""

import copy
import functools

import pytest
from hypothesis import settings

from overspill_shared import messages, names, sealing
from overspill_shared.broker_toml import build_burst_config
from overspill_shared.secrets import Secret

# The same cases on each run, so that a red suite is about the change; `--hypothesis-profile=explore` looks further.
settings.register_profile("overspill", deadline=None, derandomize=True, max_examples=60)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile("overspill")

NOW = 1_760_000_000.0

SAID = "said"


@pytest.fixture
def say(record_property):
    """Give a function that tells whoever reads the test report something, from a process of its own too."""
    return functools.partial(record_property, SAID)


def pytest_terminal_summary(terminalreporter):
    """Write what tests said."""
    passed = terminalreporter.getreports("passed")
    for text in (
        text for report in passed if report.when == "call" for name, text in report.user_properties if name == SAID
    ):
        terminalreporter.write_line(text)


LEAD_CONFIG = {
    "access": {"allow-guest-user": True, "allow-root-owner": True},
    "bootstrap": {
        "curve_cert": "/etc/flux/system/curve.cert",
        "default_port": 8050,
        "default_bind": "tcp://eth0:%p",
        "default_connect": "tcp://%h.flux-service.flux.svc.cluster.local:%p",
        "hosts": [{"host": "lead-[0-1]"}, {"host": "burst-0-[0-3],burst-1-[0-3]"}],
    },
    "resource": {"path": "/etc/flux/system/R", "noverify": True},
    "sched-fluxion-resource": {"prune-filters": "ALL:core"},
}

JOBSPEC = {
    "version": 1,
    "resources": [{"type": "node", "count": 4, "with": [{"type": "slot", "count": 1, "label": "task"}]}],
    "tasks": [{"command": ["hostname"], "slot": "task", "count": {"per_slot": 1}}],
    "attributes": {"system": {"duration": 0, "burstable": 1}},
}

BURST_REQUEST = {
    "generation": int(NOW),
    "deployment": "prod",
    "revision": 1,
    "lead": {"id": "lead", "host": "lead.example.org", "port": 8050, "name": "lead-0", "size": 10},
    "slot": {"name": "burst-0", "size": 4, "hosts": "burst-0-[0-3]"},
    "size": 4,
    "hostlist": "lead-[0-1],burst-0-[0-3],burst-1-[0-3]",
    "jobs": [{"jobid": 84_234_240, "jobspec": JOBSPEC, "nodes": 4}],
    "template": {
        "name": "c2",
        "machine_type": "c2-standard-8",
        "cores": 4,
        "memory_mib": 32768,
        "price_usd_per_h": 0.42,
        "zones": ["us-central1-a", "us-central1-b"],
    },
    "zone": "us-central1-a",
    "runtime": {
        "flux_version": "0.88.0",
        "prefix": "/usr",
        "uid": 1000,
        "gid": 1000,
        "app_image": "example.org/app:1",
        "view_image": "example.org/flux-view:0.88.0",
    },
    "expires_at": NOW + 900,
    "hard_end_at": NOW + 14_400,
    "requested_at": NOW,
    "deadline_at": NOW + 1200,
}


def _merged(base, changes):
    for key, value in changes.items():
        nested = isinstance(value, dict) and isinstance(base.get(key), dict)
        base[key] = _merged(base[key], value) if nested else value
    return base


@pytest.fixture
def lead_config():
    """Give the configuration of a lead of two ranks that declares two slots of four, as an own copy."""
    return copy.deepcopy(LEAD_CONFIG)


@pytest.fixture(scope="session")
def keypair():
    """Give (public key line, private key line) that every example request is sealed with."""
    return sealing.generate_keypair()


@pytest.fixture(scope="session")
def keys():
    """Give the keys inside every example request; their texts must show up nowhere else."""
    cert = b'metadata\ncurve\n    public-key = "canary-public"\n    secret-key = "canary-secret"\n'
    return sealing.Keys(curve_cert=Secret(cert), munge_key=Secret(b"canary-munge-key"))


@pytest.fixture(scope="session")
def burst_request(keypair, keys):
    """Give a factory of valid BurstRequests."""

    return functools.partial(make_burst_request, keypair[0], keys)


def make_burst_request(public_key, keys, /, **changes):
    """Give a valid BurstRequest, its keys sealed for a function's public key."""
    content = _merged(copy.deepcopy(BURST_REQUEST), changes)
    lead = content["lead"]
    content.setdefault("broker_toml", build_burst_config(LEAD_CONFIG, host=lead["host"], port=lead["port"]))
    draft = messages.BurstRequest.model_validate({"burst_id": "0" * 32, "sealed_keys": "", **content})
    if "burst_id" not in content:
        draft = draft.model_copy(update={"burst_id": names.burst_id(draft.identity())})
    if "sealed_keys" in content:
        return draft
    return draft.model_copy(update={"sealed_keys": sealing.seal(keys, sealing.Binding.of(draft), public_key)})


def _factory(model, burst_request, own):
    request = burst_request()
    about = {
        "burst_id": request.burst_id,
        "generation": request.generation,
        "deployment": request.deployment,
        "lead": request.lead.id,
    }

    def build(**changes):
        return model.model_validate(_merged({**about, **copy.deepcopy(own)}, changes))

    return build


@pytest.fixture(scope="session")
def teardown_request(burst_request):
    """Give a factory of valid TeardownRequests, for the burst of `burst_request()`."""
    own = {"zone": "us-central1-a", "reason": "idle-timeout", "requested_at": NOW + 3600}
    return _factory(messages.TeardownRequest, burst_request, own)


@pytest.fixture(scope="session")
def lease_renewal(burst_request):
    """Give a factory of valid LeaseRenewals, for the burst of `burst_request()`."""
    return _factory(messages.LeaseRenewal, burst_request, {"zone": "us-central1-a", "expires_at": NOW + 1800})


@pytest.fixture(scope="session")
def burst_event(burst_request):
    """Give a factory of valid BurstEvents, for the burst of `burst_request()`."""
    own = {"event_id": "e" * 32, "kind": "ready", "occurred_at": NOW + 300}
    return _factory(messages.BurstEvent, burst_request, own)


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write golden files anew instead of comparing them")


@pytest.fixture
def golden(request):
    """Give a function that compares a text with a committed file, or writes it where `--update-golden` is given."""

    def compare(path, text):
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path} is missing: run pytest with --update-golden, and read what it writes"
        assert text == path.read_text(encoding="utf-8"), f"{path.name} differs: is that wanted? --update-golden"

    return compare
