import pytest

from overspill_shared.clusters import ClusterStatus
from overspill_shared.lease import Lease
from overspill_teardown.judging import End, Inside, Keep, hard_end_of, judge

HARD_END_S = 14_400


def leased(clock, left_s):
    return Inside(lease=Lease(expires_at=clock.now() + left_s, hard_end_at=clock.now() + 1e4), has_minicluster=True)


def verdict(cluster, inside, clock):
    found = judge(cluster, inside, now=clock.now(), forgotten_after_s=3600)
    assert found.reason
    return found.teardown_reason.value if isinstance(found, End) else "keep"


EMPTY = Inside(lease=None, has_minicluster=False)
UNLEASED = Inside(lease=None, has_minicluster=True)

# state, age, seconds of lease left or what is inside instead -> verdict
TABLE = [
    pytest.param("RUNNING", 0, 1, "keep", id="leased"),
    pytest.param("RUNNING", 0, 0, "lease-lapsed", id="lapsed"),
    pytest.param("RECONCILING", 9e4, -900, "lease-lapsed", id="changing, lapsed"),
    pytest.param("DEGRADED", 0, -1, "lease-lapsed", id="degraded, lapsed"),
    pytest.param("RUNNING", 9e4, 1, "keep", id="old and leased"),
    pytest.param("RUNNING", 3599, EMPTY, "keep", id="neither lease nor MiniCluster, yet"),
    pytest.param("RUNNING", 3600, EMPTY, "sweep", id="neither lease nor MiniCluster, forgotten"),
    pytest.param("RUNNING", 9e4, UNLEASED, "keep", id="a MiniCluster, no lease"),
    pytest.param("RUNNING", 9e4, None, "keep", id="its API is silent"),
    pytest.param("PROVISIONING", 3599, None, "keep", id="being made"),
    pytest.param("PROVISIONING", 3600, None, "sweep", id="being made for an hour"),
    pytest.param("ERROR", 60, None, "keep", id="just failed: its provision is at it"),
    pytest.param("ERROR", 3600, None, "sweep", id="failed and forgotten"),
    pytest.param("STATUS_UNSPECIFIED", 60, None, "keep", id="in a state that we do not know"),
    pytest.param("STOPPING", 9e4, None, "keep", id="being deleted"),
]


@pytest.mark.parametrize(("status", "age_s", "inside", "expected"), TABLE)
def test_judge_burst_within_its_lifetime(site, status, age_s, inside, expected):
    inside = leased(site.clock, inside) if isinstance(inside, int | float) else inside

    assert verdict(site.make(status, age_s=age_s), inside, site.clock) == expected


@pytest.mark.parametrize("status", [status for status in ClusterStatus if status is not ClusterStatus.STOPPING])
@pytest.mark.parametrize("inside", [None, EMPTY, UNLEASED, "leased"])
def test_judge_burst_past_its_hard_end_has_no_right_left(site, status, inside):
    inside = leased(site.clock, 600) if inside == "leased" else inside
    cluster = site.make(status)
    site.clock.sleep(HARD_END_S - 1)
    assert verdict(cluster, leased(site.clock, 600) if status == "RUNNING" else None, site.clock) in ("keep", "sweep")
    site.clock.sleep(1)

    assert verdict(cluster, inside, site.clock) == "sweep"


def test_judge_stopping_cluster_past_its_hard_end_needs_no_second_request(site):
    site.clock.sleep(HARD_END_S + 1)

    assert isinstance(judge(site.make("STOPPING"), None, now=site.clock.now(), forgotten_after_s=1), Keep)


@pytest.mark.parametrize("label", [None, "", "soon", "-5", "1e9", "٣"])
def test_hard_end_of_label_that_does_not_tell_ends_nothing(site, label):
    cluster = site.make(labels={"expires": label})

    assert hard_end_of(cluster) is None
    assert verdict(cluster, None, site.clock) == "keep"
