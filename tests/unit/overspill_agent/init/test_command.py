import json
from pathlib import Path

import pytest
import yaml

from overspill_agent import cli, flux_frobnicator
from overspill_shared import sealing

OPTIONS = ("--size", "2", "--cores", "4", "--slot", "burst-0=4:cores=4")
FILES = {
    "broker.toml",
    "R",
    "settings.toml",
    "rbac.yaml",
    "configmap.yaml",
    "service.yaml",
    "minicluster.yaml",
}


@pytest.fixture
def run(capsys, monkeypatch):
    """Give a function that runs the command: exit code, standard output, standard error."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")

    def run(*arguments):
        code = cli.run(["init", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def texts(directory):
    return {path.name: path.read_text() for path in directory.iterdir()}


def test_init_writes_files_that_agree_with_each_other(run, tmp_path):
    code, out, err = run(tmp_path / "lead", *OPTIONS)
    written = texts(tmp_path / "lead")

    assert (code, err) == (0, "")
    assert set(written) == FILES
    data = yaml.safe_load(written["configmap.yaml"])["data"]
    assert data == {
        "R": written["R"],
        "settings.toml": written["settings.toml"],
        "flux_frobnicator.py": Path(flux_frobnicator.__file__).read_text(),
    }
    minicluster = yaml.safe_load(written["minicluster.yaml"])
    assert minicluster["spec"]["flux"]["brokerConfig"] == written["broker.toml"]
    assert all(name in out for name in FILES)


def test_init_with_a_router_writes_its_configuration_too(run, tmp_path):
    run(tmp_path, *OPTIONS, "--router")
    written = texts(tmp_path)

    assert set(written) == FILES | {"router.yaml", "nginx.conf"}
    assert yaml.safe_load(written["router.yaml"])["data"]["nginx.conf"] == written["nginx.conf"]


def test_init_tells_the_next_steps(run, tmp_path):
    _, out, _ = run(tmp_path, *OPTIONS, "--namespace", "hpc")

    assert "burst-0-[0-3]: 4 cores, 0 GPUs (burst)" in out
    assert "kubectl --namespace hpc create secret generic lead-overspill-keys --from-file=curve.cert" in out
    assert "settings.toml lacks (project, public_key, [templates.default])" in out
    assert "kubectl apply --server-side -f configmap.yaml -f minicluster.yaml" in out
    assert out.index("\n1. ") < out.index("\n2. ")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--router", ["lead_host", "-f router.yaml"]),
        ("--service=nodeport", ["kubectl get nodes", "port 30093"]),
        ("--uid=0", ["annotate serviceaccount lead-overspill"]),
    ],
)
def test_next_steps_depend_on_what_was_asked_for(run, tmp_path, option, words):
    _, out, _ = run(tmp_path, *OPTIONS, option)

    assert all(word in out for word in words)


def test_init_with_everything_said_leaves_nothing_to_fill_in(run, tmp_path):
    public, _ = sealing.generate_keypair()
    (tmp_path / "key.pub").write_text(f"{public}\n")
    slot = "burst-0=4:cores=4,machine=c2-standard-8,memory_mib=32768,zone=us-central1-a"
    account = "overspill-agent@my-project.iam.gserviceaccount.com"

    _, out, _ = run(
        *(tmp_path / "lead", "--size", 2, "--cores", 4, "--slot", slot, "--project", "my-project"),
        *("--public-key", tmp_path / "key.pub", "--service-account", account),
    )

    assert "Fill in" not in out
    assert "annotate" not in out
    assert public in (tmp_path / "lead" / "settings.toml").read_text()


def test_init_prints_json_for_scripts(run, tmp_path):
    code, out, _ = run(tmp_path, *OPTIONS, "--json")
    document = json.loads(out)

    assert code == 0
    assert set(document["files"]) == FILES
    assert document["slots"][0]["name"] == "burst-0"
    assert len(document["next_steps"]) >= 6


def test_init_overwrites_nothing_unless_forced(run, tmp_path):
    (tmp_path / "R").write_text("mine")

    code, _, err = run(tmp_path, *OPTIONS)

    assert code == 2
    assert "R exist already" in err
    assert "--force" in err
    assert texts(tmp_path) == {"R": "mine"}

    assert run(tmp_path, *OPTIONS, "--force")[0] == 0
    assert (tmp_path / "R").read_text() != "mine"


def test_init_into_a_place_that_cannot_be_written_says_so(run, tmp_path):
    (tmp_path / "file").write_text("")

    code, _, err = run(tmp_path / "file" / "lead", *OPTIONS)

    assert code == 2
    assert str(tmp_path / "file") in err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--size", "2", "--cores", "4"), "--slot"),
        (("--size", "2", "--slot", "burst-0=4:cores=4"), "--cores"),
        ((*OPTIONS, "--scheduler", "slurm"), "--scheduler: "),
        ((*OPTIONS, "--slot", "x"), "--slot x: "),
        ((*OPTIONS, "--public-key", "/nonexistent/key.pub"), "--public-key /nonexistent/key.pub: No such file"),
        ((*OPTIONS, "--public-key", __file__), f"--public-key {__file__}: "),
    ],
)
def test_init_with_wrong_options_writes_nothing(run, tmp_path, arguments, problem):
    code, _, err = run(tmp_path / "lead", *arguments)

    assert code == 2
    assert problem in err
    assert not (tmp_path / "lead").exists()


def test_help_of_init_teaches_by_example(run):
    code, out, _ = run("--help")

    assert code == 0
    assert "overspill init lead/ --size 2 --cores 4" in out
    assert "--slot burst-0=4:cores=4 --slot gpu-0=2:cores=8,gpus=1,template=gpu" in out
