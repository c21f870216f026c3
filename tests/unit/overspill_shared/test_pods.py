from overspill_shared.pods import Pod, PodPhase, count


def test_count_leaves_out_other_phases_and_pods_that_are_leaving():
    pods = [
        Pod(name="a", phase=PodPhase.RUNNING),
        Pod(name="b", phase=PodPhase.RUNNING, is_leaving=True),
        Pod(name="c", phase=PodPhase.PENDING),
    ]

    assert count(pods, PodPhase.RUNNING) == 1
    assert count(pods, PodPhase.SUCCEEDED) == 0


def test_pod_phase_missing_is_unknown():
    assert PodPhase("") is PodPhase.UNKNOWN
