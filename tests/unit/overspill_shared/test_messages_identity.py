import pytest

from overspill_shared import messages as m

IDENTITY_CHANGES = [
    {"deployment": "test"},
    {"lead": {"id": "other"}},
    {"slot": {"name": "burst-1"}},
    {"slot": {"size": 3}},
    {"slot": {"hosts": "burst-1-[0-3]"}},
    {"broker_toml": "[bootstrap]\n"},
    {"template": {"name": "c3"}},
    {"template": {"machine_type": "c3-standard-8"}},
    {"template": {"cores": 8}},
    {"template": {"gpus": 1}},
    {"template": {"memory_mib": 1}},
    {"template": {"price_usd_per_h": None}},
    {"template": {"spot": True}},
    {"template": {"zones": ["us-central1-a"]}},
    {"template": {"app_image": "example.org/app:2"}},
    {"template": {"flux_version": "0.88.1"}},
    {"template": {"mounts": ["/data"]}},
    {"template": {"volumes": [{"name": "home", "mount_path": "/home", "claim": "hpc/home"}]}},
    {"template": {"threads_per_core": 1}},
    {"template": {"compact_placement": True}},
    {"template": {"machine_type": "c2-standard-60", "tier_1_network": True}},
    {"template": {"gvnic": False}},
    {"template": {"gpus": 1, "accelerator_type": "nvidia-l4"}},
    {"template": {"boot_disk_gib": 200}},
    {"template": {"boot_disk_type": "pd-ssd"}},
    {"template": {"image_streaming": True}},
    {"zone": "us-central1-b"},
    {"runtime": {"flux_version": "0.89.0"}},
    {"runtime": {"prefix": "/opt/flux"}},
    {"runtime": {"uid": 1001}},
    {"runtime": {"gid": 1001}},
    {"runtime": {"app_image": "example.org/app:2"}},
    {"runtime": {"view_image": "example.org/flux-view:0.89.0"}},
    {"runtime": {"topology": "kary:0"}},
    {"generation": 7},
]


@pytest.mark.parametrize("change", IDENTITY_CHANGES, ids=str)
def test_burst_id_depends_on_every_part_of_the_identity(burst_request, change):
    assert burst_request(**change).burst_id != burst_request().burst_id


def test_identity_changes_above_forget_no_field(burst_request):
    tables = {"slot": m.Slot, "template": m.Template, "runtime": m.Runtime}
    changes = [(key, value) for change in IDENTITY_CHANGES for key, value in change.items()]
    tried = {(key, field) for key, value in changes for field in (value if key in tables else [None])}

    assert set(burst_request().identity()) == {path[0] for path in tried}
    for table, model in tables.items():
        assert {path[1] for path in tried if path[0] == table} == set(model.model_fields)


@pytest.mark.parametrize(
    "change",
    [
        {"size": 2},
        {"revision": 2},
        {"jobs": []},
        {"expires_at": 1.0},
        {"hard_end_at": 1.0},
        {"requested_at": 1.0},
        {"deadline_at": 1.0},
        {"lead": {"size": 99}},
        {"hostlist": "lead-0"},
        {"sealed_keys": ""},
        {"schema_version": "1.1"},
    ],
    ids=str,
)
def test_burst_id_depends_on_neither_size_nor_jobs_nor_times(burst_request, change):
    assert burst_request(**change).burst_id == burst_request().burst_id
