from overspill_local.kube import errors
from overspill_local.kube.errors import FieldError


def test_status_says_what_clients_match_on(kind):
    status = errors.not_found(kind("leases"), "l").status()
    assert status == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'leases.coordination.k8s.io "l" not found',
        "reason": "NotFound",
        "details": {"name": "l", "group": "coordination.k8s.io", "kind": "leases"},
        "code": 404,
    }


def test_invalid_lists_every_field(kind):
    one, two = (
        FieldError("spec.a", "FieldValueRequired", "Required value"),
        FieldError("spec.b", "FieldValueInvalid", "bad"),
    )
    assert str(errors.invalid(kind("pods"), "p", [one])) == 'Pod "p" is invalid: spec.a: Required value'
    both = errors.invalid(kind("pods"), "p", [one, two])
    assert str(both) == 'Pod "p" is invalid: [spec.a: Required value, spec.b: bad]'
    assert [each["field"] for each in both.details["causes"]] == ["spec.a", "spec.b"]


def test_error_without_reason_or_details_leaves_them_out():
    assert not {"reason", "details"} & errors.ApiError(500, "", "x").status().keys()
