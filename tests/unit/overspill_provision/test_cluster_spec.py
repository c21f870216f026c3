from overspill_provision.cluster_spec import build_cluster_spec
from overspill_shared import names


def test_build_cluster_spec_is_ours_and_as_large_as_wanted(burst_request):
    request = burst_request(size=3, revision=2, template={"spot": True})

    spec = build_cluster_spec(request)

    assert (spec.node_count, spec.machine_type, spec.is_spot) == (3, "c2-standard-8", True)
    assert names.is_ours(spec.name, spec.labels, deployment="prod", burst=request.burst_id, lead="lead")
    assert spec.labels["expires"] == str(int(request.hard_end_at))
    assert spec.labels["revision"] == "2"
