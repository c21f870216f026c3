import pytest
from tests.unit.overspill_agent.examples import NOW, make_job, make_snapshot, make_template

from overspill_agent.deciding.decide import decide
from overspill_agent.deciding.mounts import lacks_mount, working_directory
from overspill_agent.deciding.policy import Policy

HOME_MOUNT = make_template(mounts=("/home", "/data/shared"))
HOME_VOLUME = make_template(
    volumes=({"name": "home", "mount_path": "/home", "nfs": {"server": "10.0.0.2", "path": "/vol1"}},)
)
BARE = make_template()


@pytest.mark.parametrize(
    ("cwd", "templates", "lacking"),
    [
        pytest.param("/home/ada/run", [HOME_MOUNT], None, id="under a mount"),
        pytest.param("/home", [HOME_MOUNT], None, id="the mount itself"),
        pytest.param("/home/ada/run", [HOME_VOLUME], None, id="under a volume"),
        pytest.param("/scratch", [HOME_VOLUME], "/scratch", id="under no volume"),
        pytest.param("/homework", [HOME_MOUNT], "/homework", id="only begins alike"),
        pytest.param("/scratch", [HOME_MOUNT], "/scratch", id="under none"),
        pytest.param("/home/ada", [BARE], "/home/ada", id="no mounts at all"),
        pytest.param("/home/ada", [BARE, HOME_MOUNT], None, id="under one of several templates'"),
        pytest.param(None, [BARE], None, id="names no directory"),
    ],
)
def test_lacks_mount_tells_the_directory_that_is_not_shared(cwd, templates, lacking):
    assert lacks_mount(cwd, templates) == lacking


def test_working_directory_is_the_jobspecs_own():
    assert working_directory({"attributes": {"system": {"cwd": "/home/ada"}}}) == "/home/ada"


@pytest.mark.parametrize("jobspec", [{}, {"attributes": None}, {"attributes": {"system": {"cwd": 7}}}])
def test_working_directory_of_a_strange_jobspec_is_none(jobspec):
    assert working_directory(jobspec) is None


@pytest.mark.parametrize(("requires", "kind", "code"), [(True, "hold", "no-mount"), (False, "request", None)])
def test_job_without_a_mount_is_held_only_where_policy_requires_one(requires, kind, code):
    job = make_job(cwd="/scratch/ada", constraints={"properties": ["burst"]})

    (decision,) = decide(make_snapshot(pending=(job,)), Policy(requires_mounts=requires), NOW + 60)

    assert decision.kind == kind
    assert code is None or (decision.code == code and "/scratch/ada" in decision.reason)


def test_job_that_fits_at_home_needs_no_mount():
    job = make_job(nodes=2, cwd="/scratch/ada")

    (decision,) = decide(make_snapshot(pending=(job,)), Policy(requires_mounts=True), NOW)

    assert decision.code == "fits-now"


def test_requested_burst_tells_its_job_that_its_output_would_die(stage):
    stage.start()
    stage.submit(1, 4, constraints={"properties": ["burst"]}, cwd="/scratch/ada")

    (remark,) = [told for told in stage.flux.told if told[0] == "exception"]
    assert remark[1:3] == (1, 2)
    assert "/scratch/ada" in str(remark)
