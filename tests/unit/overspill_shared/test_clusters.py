import pytest

from overspill_shared.clusters import ClusterStatus, Complaint, failure_of
from overspill_shared.errors import CapacityUnavailable, CloudError, QuotaExceeded

STOCKOUT = "Not all instances running in IGM after 35m4s. Current errors: [GCE_STOCKOUT]: no resources."


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        ("GCE_STOCKOUT", "no nodes", CapacityUnavailable),
        ("UNKNOWN", STOCKOUT, CapacityUnavailable),
        ("", "ZONE_RESOURCE_POOL_EXHAUSTED", CapacityUnavailable),
        ("GCE_QUOTA_EXCEEDED", "CPUS", QuotaExceeded),
        ("", "[GCE_QUOTA_EXCEEDED]: CPUS", QuotaExceeded),
        ("UNKNOWN", "the disk is on fire", CloudError),
    ],
)
def test_failure_of_complaint_is_classed_by_code_or_by_text(code, text, kind):
    error = failure_of((Complaint(code=code, text=text),), "cluster overspill-x")

    assert type(error) is kind
    assert not error.retryable
    assert text.rstrip(".") in error.text
    assert "overspill-x" in error.text


def test_failure_of_same_text_twice_quotes_it_once():
    error = failure_of((Complaint(code="GCE_STOCKOUT", text=STOCKOUT), Complaint(code="", text=STOCKOUT)), "it")

    assert error.text.count("35m4s") == 1


def test_failure_of_no_complaint_says_so():
    assert "no reason was given" in failure_of((), "it").text


def test_cluster_status_of_a_later_release_is_unknown():
    assert ClusterStatus("HIBERNATING") is ClusterStatus.UNKNOWN
    assert ClusterStatus("RUNNING") is ClusterStatus.RUNNING
