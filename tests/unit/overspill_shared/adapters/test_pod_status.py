import pytest

from overspill_shared.adapters.pod_status import is_settled, read_pods
from overspill_shared.pods import Pod, PodPhase, Trouble

UNSCHEDULED = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes are available: 1 node(s) had untolerated taint {a: b}, 2 Insufficient memory.",
}


def pod(phase="Pending", **status):
    return {"metadata": {"name": "burst-0-0-x"}, "status": {"phase": phase, **status}}


def waiting(reason, message="", **more):
    return {"state": {"waiting": {"reason": reason, "message": message}}, **more}


def event(reason, message, at, name="burst-0-0-x"):
    return {"involvedObject": {"name": name}, "reason": reason, "message": message, "lastTimestamp": at}


def trouble_of(item, events=()):
    (read,) = read_pods([item], events)
    return read.trouble


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "CreateContainerConfigError"])
@pytest.mark.parametrize("kind", ["initContainerStatuses", "containerStatuses"])
def test_pod_whose_container_cannot_start_says_so_in_kubernetes_words(reason, kind):
    item = pod(**{kind: [waiting("PodInitializing"), waiting(reason, 'Back-off pulling image "x:1"\n')]})

    assert trouble_of(item) == Trouble(reason=reason, text='Back-off pulling image "x:1"')
    assert is_settled(item)


def test_pod_that_crashes_again_and_again_shows_how_it_ended_last():
    ended = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
    item = pod("Running", containerStatuses=[waiting("CrashLoopBackOff", lastState=ended)])

    assert trouble_of(item) == Trouble(reason="CrashLoopBackOff", text="OOMKilled, exit code 137")


def test_pod_that_no_node_takes_shows_the_schedulers_words():
    item = pod(conditions=[{"type": "Initialized", "status": "False"}, UNSCHEDULED])

    assert trouble_of(item) == Trouble(reason="Unschedulable", text=UNSCHEDULED["message"].rstrip("."))


def test_pod_that_waits_as_it_should_shows_its_newest_event():
    item = pod(containerStatuses=[waiting("ContainerCreating")])
    events = [
        event("Pulling", 'Pulling image "x:1"', "2026-01-01T00:00:09Z"),
        event("Scheduled", "Successfully assigned", "2026-01-01T00:00:01Z"),
        event("FailedMount", "of another pod", "2026-01-01T00:00:20Z", name="other"),
    ]

    assert not is_settled(item)
    assert trouble_of(item, events) == Trouble(reason="Pulling", text='Pulling image "x:1"')
    assert trouble_of(item, [*events, event("Pulled", "in 9s", "2026-01-01T00:00:18Z")]) is None


def test_pod_whose_volume_cannot_be_mounted_shows_it_however_the_event_tells_its_time():
    item = pod(containerStatuses=[waiting("ContainerCreating")])
    mounting = {
        **event("FailedMount", "no bucket", None),
        "series": {"lastObservedTime": "2026-01-01T00:00:09.000001Z"},
    }
    older = {**event("Pulling", "x", None), "eventTime": "2026-01-01T00:00:08.000000Z"}

    assert trouble_of(item, [mounting, older]) == Trouble(reason="FailedMount", text="no bucket")


@pytest.mark.parametrize("phase", ["Running", "Succeeded", "Failed"])
def test_pod_that_runs_or_ran_is_not_asked_about(phase):
    item = pod(phase, containerStatuses=[{"state": {"running": {}}}])

    assert is_settled(item)
    assert trouble_of(item, [event("FailedMount", "at first", "2026-01-01T00:00:09Z")]) is None


def test_pod_without_status_is_unknown_and_in_no_trouble():
    assert read_pods([{"metadata": {"name": "a"}}]) == (Pod(name="a", phase=PodPhase.UNKNOWN),)


def test_pod_text_is_one_line_of_bounded_length():
    item = pod(containerStatuses=[waiting("ErrImagePull", "a\n b" + "c" * 10_000)])

    assert len(trouble_of(item).text) == 500
    assert trouble_of(item).text.startswith("a bc")
