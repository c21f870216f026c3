from datetime import UTC, datetime

import pytest
from kubernetes import client

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


@pytest.fixture
def leases(api):
    return client.CoordinationV1Api(api)


def lease(**spec):
    return {"metadata": {"name": "burst"}, "spec": {"holderIdentity": "agent", **spec}}


def test_lease_keeps_its_times_to_the_microsecond(leases, namespace):
    spec = client.V1LeaseSpec(holder_identity="agent", lease_duration_seconds=60, renew_time=NOW)
    body = client.V1Lease(metadata=client.V1ObjectMeta(name="burst"), spec=spec)
    leases.create_namespaced_lease(namespace, body)
    assert leases.read_namespaced_lease("burst", namespace).spec.renew_time == NOW


def test_lease_time_in_another_zone_is_stored_in_utc(leases, namespace):
    created = leases.create_namespaced_lease(namespace, lease(renewTime="2026-01-02T04:04:05.678901+01:00"))
    assert created.spec.renew_time == NOW


@pytest.mark.parametrize("time", ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678Z", "now"])
def test_lease_time_without_microseconds_is_refused(leases, namespace, refused, time):
    with refused(400):
        leases.create_namespaced_lease(namespace, lease(renewTime=time))


@pytest.mark.parametrize("spec", [{"leaseDurationSeconds": 0}, {"leaseTransitions": -1}])
def test_lease_with_a_bad_count_is_refused(leases, namespace, refused, spec):
    with refused(422) as status:
        leases.create_namespaced_lease(namespace, lease(**spec))
    assert f"spec.{next(iter(spec))}" in status["message"]


def test_renewal_against_an_older_version_conflicts(leases, namespace, refused):
    first = leases.create_namespaced_lease(namespace, lease())
    leases.patch_namespaced_lease("burst", namespace, {"spec": {"leaseTransitions": 1}})
    first.spec.lease_transitions = 2
    with refused(409):
        leases.replace_namespaced_lease("burst", namespace, first)


def test_renewal_without_version_is_refused(leases, namespace, refused):
    leases.create_namespaced_lease(namespace, lease())
    with refused(422):
        leases.replace_namespaced_lease("burst", namespace, lease(leaseTransitions=1))


def test_replace_of_an_absent_lease_creates_it(leases, namespace):
    leases.replace_namespaced_lease("burst", namespace, lease())
    assert leases.read_namespaced_lease("burst", namespace).spec.holder_identity == "agent"


def test_null_takes_a_lease_field_away(leases, namespace):
    leases.create_namespaced_lease(namespace, lease(leaseTransitions=3))
    leases.patch_namespaced_lease("burst", namespace, {"spec": {"leaseTransitions": None}})
    assert leases.read_namespaced_lease("burst", namespace).spec.lease_transitions is None
