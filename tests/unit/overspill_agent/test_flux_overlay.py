from overspill_agent.flux_overlay import errors_in_health, refusals_in_log


def test_health_names_errors_of_nested_ranks():
    health = {"rank": 0, "children": [{"rank": 4, "error": "client (0.88.0) version mismatched", "children": []}]}
    assert errors_in_health(health) == {4: "client (0.88.0) version mismatched"}


def test_log_gives_the_latest_refusal_of_each_rank():
    lines = [
        "<51>1 2026 0 overlay - rejecting connection from burst-0-0 (rank 5): old reason",
        "<51>1 2026 0 overlay - accepting connection from burst-0-1 (rank 6) status full",
        "<51>1 2026 0 overlay - rejecting connection from burst-0-0 (rank 5): burst-0-1 is configured as rank 5",
    ]
    assert refusals_in_log(lines) == {5: "burst-0-1 is configured as rank 5"}


def test_health_of_a_rank_that_left_as_it_should_is_no_reason():
    assert errors_in_health({"rank": 0, "children": [{"rank": 2, "error": "administrative shutdown"}]}) == {}
