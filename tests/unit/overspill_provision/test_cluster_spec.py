from overspill_provision.cluster_spec import build_cluster_spec, spec_hash
from overspill_shared import names


def test_build_cluster_spec_is_ours_and_as_large_as_wanted(burst_request):
    request = burst_request(size=3, revision=2, template={"spot": True})

    spec = build_cluster_spec(request)

    assert (spec.node_count, spec.max_node_count) == (3, 4)
    assert spec.shape == request.template
    assert (spec.starts_at, spec.ends_at) == (request.requested_at, request.hard_end_at)
    assert names.is_ours(spec.name, spec.labels, deployment="prod", burst=request.burst_id, lead="lead")
    assert spec.labels["expires"] == str(int(request.hard_end_at))
    assert spec.labels["revision"] == "2"


def test_spec_hash_is_of_the_nodes_and_not_of_size_or_end(burst_request):
    asked = spec_hash(burst_request())

    assert spec_hash(burst_request(size=2, revision=3, hard_end_at=1_760_020_000.0)) == asked
    assert spec_hash(burst_request(template={"machine_type": "c3-standard-8"})) != asked
    assert spec_hash(burst_request(zone="us-central1-b")) != asked
    assert build_cluster_spec(burst_request()).labels["spec-hash"] == asked
