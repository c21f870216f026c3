import pytest
from pydantic import ValidationError

from overspill_shared.templates import Template
from overspill_shared.volumes import Volume

HOME = {"name": "home", "mount_path": "/home", "nfs": {"server": "10.0.0.2", "path": "/vol1"}}
INPUT = {"name": "input", "mount_path": "/data/in", "gcs_bucket": "my-input", "read_only": True}


def template(**changes):
    content = {
        "name": "hpc",
        "machine_type": "c2-standard-60",
        "cores": 30,
        "memory_mib": 1,
        "zones": ["us-central1-a"],
    }
    return Template.model_validate({**content, **changes})


def test_template_with_everything_for_tightly_coupled_codes_is_valid():
    hpc = template(
        threads_per_core=1,
        compact_placement=True,
        tier_1_network=True,
        spot=True,
        boot_disk_gib=200,
        boot_disk_type="pd-ssd",
        image_streaming=True,
        volumes=[HOME, INPUT],
        mounts=["/opt/app"],
    )

    assert hpc.shared_directories == ("/opt/app", "/home", "/data/in")
    assert hpc.accelerator is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"compact_placement": True, "machine_type": "e2-standard-8"}, "compact_placement: e2-standard-8 cannot"),
        ({"tier_1_network": True, "machine_type": "c2-standard-8"}, "tier_1_network: c2-standard-8 has no"),
        ({"tier_1_network": True, "gvnic": False}, "tier_1_network: c2-standard-60 has no"),
        ({"threads_per_core": 1, "machine_type": "h3-standard-88"}, "threads_per_core: h3-standard-88 has one"),
        ({"threads_per_core": 3}, "threads_per_core"),
        ({"accelerator_type": "nvidia-l4"}, "gpus is 0"),
        ({"boot_disk_gib": 5}, "boot_disk_gib"),
        ({"boot_disk_type": "floppy"}, "boot_disk_type"),
        ({"volumes": [HOME, {**INPUT, "name": "home"}]}, "two have the name home"),
        ({"volumes": [HOME, {**INPUT, "mount_path": "/home"}]}, "two have the mount_path /home"),
    ],
)
def test_template_that_no_machine_can_be_is_refused_by_its_key(changes, problem):
    with pytest.raises(ValidationError, match=problem):
        template(**changes)


@pytest.mark.parametrize(
    ("changes", "accelerator"),
    [
        ({"machine_type": "g2-standard-16", "gpus": 1}, "nvidia-l4"),
        ({"machine_type": "n1-standard-8", "gpus": 2, "accelerator_type": "nvidia-tesla-t4"}, "nvidia-tesla-t4"),
        ({"machine_type": "n1-standard-8", "gpus": 2}, None),
        ({"machine_type": "g2-standard-16"}, None),
    ],
)
def test_accelerator_is_what_is_said_or_what_the_machine_comes_with(changes, accelerator):
    assert template(**changes).accelerator == accelerator


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"nfs": None}, id="no source"),
        pytest.param({"gcs_bucket": "also"}, id="two sources"),
        pytest.param({"nfs": {"server": "10.0.0.2", "path": "/../etc"}}, id="path with dots"),
        pytest.param({"mount_path": "/"}, id="root"),
        pytest.param({"mount_path": "home"}, id="relative"),
        pytest.param({"mount_path": "/home/../etc"}, id="dots"),
        pytest.param({"mount_path": "/home\n"}, id="newline"),
        pytest.param({"nfs": None, "gcs_bucket": "$(reboot)"}, id="bucket"),
        pytest.param({"nfs": None, "claim": "no-namespace"}, id="claim"),
        pytest.param({"read_olny": True}, id="unknown key"),
    ],
)
def test_volume_that_cannot_be_mounted_is_refused(changes):
    with pytest.raises(ValidationError):
        Volume.model_validate({**HOME, **changes})
