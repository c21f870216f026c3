from overspill_shared.pods import Pod, PodPhase, Trouble, count, troubles

UNSCHEDULABLE = Trouble(reason="Unschedulable", text="0/2 nodes are available: 2 Insufficient cpu")


def test_count_leaves_out_other_phases_and_pods_that_are_leaving():
    pods = [
        Pod(name="a", phase=PodPhase.RUNNING),
        Pod(name="b", phase=PodPhase.RUNNING, is_leaving=True),
        Pod(name="c", phase=PodPhase.PENDING),
    ]

    assert count(pods, PodPhase.RUNNING) == 1
    assert count(pods, PodPhase.SUCCEEDED) == 0


def test_count_pod_between_two_crashes_is_not_running():
    crashing = Pod(name="a", phase=PodPhase.RUNNING, trouble=Trouble(reason="CrashLoopBackOff"))

    assert count([crashing, Pod(name="b", phase=PodPhase.RUNNING)], PodPhase.RUNNING) == 1


def test_pod_phase_missing_is_unknown():
    assert PodPhase("") is PodPhase.UNKNOWN


def test_troubles_names_each_reason_once_the_commonest_first():
    pods = [
        Pod(name="a", phase=PodPhase.PENDING, trouble=Trouble(reason="Pulling")),
        Pod(name="b", phase=PodPhase.PENDING, trouble=UNSCHEDULABLE),
        Pod(name="c", phase=PodPhase.PENDING, trouble=UNSCHEDULABLE),
        Pod(name="d", phase=PodPhase.RUNNING),
    ]

    assert troubles(pods) == ("2 pods Unschedulable: 0/2 nodes are available: 2 Insufficient cpu; 1 pod Pulling")


def test_troubles_of_pods_that_leave_or_have_none_is_empty():
    leaving = Pod(name="a", phase=PodPhase.PENDING, is_leaving=True, trouble=UNSCHEDULABLE)

    assert troubles([leaving, Pod(name="b", phase=PodPhase.PENDING)]) == ""
