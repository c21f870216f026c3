import dataclasses
from ipaddress import ip_network

import pytest

from overspill_provision.limits import check_limits
from overspill_shared.errors import RequestRefused

DIGEST = "ghcr.io/lab/app@sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("changes", "code", "named"),
    [
        ({"template": {"machine_type": "a3-highgpu-8g"}}, "machine-type", r"template\.machine_type is a3-highgpu-8g"),
        ({"template": {"machine_type": "c2d-standard-2"}}, "machine-type", r"allowed_machine_types are c2-\*"),
        ({"zone": "europe-west4-a"}, "zone", r"zone is europe-west4-a, .*allowed_zones are us-central1-\*"),
        ({"runtime": {"app_image": "evil.org/app:1"}}, "image", r"runtime\.app_image is evil\.org/app:1"),
        ({"runtime": {"view_image": "example.organic/x"}}, "image", r"runtime\.view_image"),
        ({"template": {"app_image": "docker.io/x"}}, "image", r"template\.app_image"),
        (
            {"lead": {"host": "8.8.8.8"}},
            "lead-host",
            r"lead\.host is 8\.8\.8\.8, .*allowed_lead_ranges are 10\.0\.0\.0/8",
        ),
        ({"lead": {"host": "::ffff:8.8.8.8"}}, "lead-host", r"lead\.host"),
        ({"lead": {"host": "169.254.169.254"}}, "lead-host", r"lead\.host"),
        ({"lead": {"host": "example.org.evil.net"}}, "lead-host", r"the name example\.org\.evil\.net"),
        ({"lead": {"host": "2130706433"}}, "lead-host", r"the name 2130706433"),
    ],
    ids=str,
)
def test_check_limits_names_field_value_and_what_is_allowed(burst_request, changed, limits, changes, code, named):
    with pytest.raises(RequestRefused, match=named) as caught:
        check_limits(changed(burst_request(), changes), limits)

    assert caught.value.code == code
    assert caught.value.remedy


@pytest.mark.parametrize(
    "host", ["10.1.2.3", "::ffff:10.1.2.3", "fd00::1", "lead.example.org", "LEAD.Example.Org"], ids=str
)
def test_check_limits_lead_where_it_is_allowed_passes(burst_request, changed, limits, host):
    check_limits(changed(burst_request(), {"lead": {"host": host}}), limits)


@pytest.mark.parametrize(
    ("allowed", "image", "passes"),
    [
        ("ghcr.io/lab", "ghcr.io/lab/app:1", True),
        ("ghcr.io/lab/", "ghcr.io/lab/app:1", True),
        ("ghcr.io/lab/app", "ghcr.io/lab/app:1", True),
        ("ghcr.io/lab/app", "ghcr.io/lab/app", True),
        ("ghcr.io/lab/app", DIGEST, True),
        ("ghcr.io/lab/app:1", "ghcr.io/lab/app:1", True),
        ("ghcr.io/lab/app:1", "ghcr.io/lab/app:12", False),
        ("ghcr.io/lab/app", "ghcr.io/lab/apple:1", False),
        ("ghcr.io/lab", "ghcr.io/laboratory/app:1", False),
        ("ghcr.io/lab", "evil.org/ghcr.io/lab/app:1", False),
        (DIGEST, DIGEST, True),
        (DIGEST, "ghcr.io/lab/app:1", False),
        (DIGEST, DIGEST + "0", False),
    ],
)
def test_check_limits_image_is_allowed_by_path_or_digest_only(burst_request, changed, limits, allowed, image, passes):
    request = changed(burst_request(), {"runtime": {"app_image": image, "view_image": image}})
    limits = dataclasses.replace(limits, images=(allowed,))

    if passes:
        check_limits(request, limits)
    else:
        with pytest.raises(RequestRefused, match="allowed_images"):
            check_limits(request, limits)


def test_check_limits_image_that_any_of_the_allowed_ones_covers_passes(burst_request, changed, limits):
    request = changed(
        burst_request(), {"runtime": {"app_image": "ghcr.io/lab/app:1", "view_image": "example.org/view"}}
    )

    check_limits(request, dataclasses.replace(limits, images=("ghcr.io/lab", "example.org")))


def test_check_limits_without_a_list_of_images_takes_any(burst_request, changed, limits):
    request = changed(burst_request(), {"runtime": {"app_image": "anywhere.net/x"}})

    check_limits(request, dataclasses.replace(limits, images=()))


def test_check_limits_empty_lists_of_all_else_allow_nothing(burst_request, limits):
    for setting in ("machine_types", "zones", "lead_names"):
        with pytest.raises(RequestRefused, match="are none"):
            check_limits(burst_request(), dataclasses.replace(limits, **{setting: ()}))


def test_check_limits_range_of_the_other_family_does_not_match(burst_request, changed, limits):
    request = changed(burst_request(), {"lead": {"host": "10.1.2.3"}})

    with pytest.raises(RequestRefused, match="allowed_lead_ranges"):
        check_limits(request, dataclasses.replace(limits, lead_ranges=(ip_network("::/0"),)))
