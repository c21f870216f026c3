"""The zips that Terraform makes: what is in them, when their names change, and that they run."""

import shutil
import subprocess

import pytest
from tests.terraform.offline import MODULE, ROOT, VARIABLES, plan_document
from tests.terraform.plan_walk import Plan

FUNCTIONS = ("provision", "teardown")


def tracked(folder):
    """Give the files that belong to a folder of the repository, as git knows them."""
    argv = ["git", "ls-files", "--cached", "--others", "--exclude-standard", folder]
    listed = subprocess.check_output(argv, cwd=ROOT, text=True).split()
    return [name for name in listed if (ROOT / name).is_file()]


def object_names(plan):
    return {r.key: r.values["name"] for r in plan.all("google_storage_bucket_object")}


@pytest.fixture(scope="session")
def copy(tmp_path_factory):
    """Give a copy of all that Terraform reads, to change."""
    root = tmp_path_factory.mktemp("copy")
    for name in tracked("functions") + tracked("shared") + tracked(MODULE):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, root / name)
    return root


def test_hashes_change_with_the_code_of_the_function_and_with_nothing_else(plan, copy, tmp_path):
    before = object_names(plan)
    (copy / "README.md").write_text("changed")
    (copy / "functions/provision/notes.md").write_text("new")
    (copy / "functions/provision/overspill_provision/__pycache__").mkdir()
    (copy / "functions/provision/overspill_provision/__pycache__/plan.cpython-311.pyc").write_bytes(b"\0")
    (copy / "functions/teardown/main.py").touch()
    unchanged = object_names(Plan(plan_document(tmp_path, MODULE, VARIABLES, root=copy)))
    with (copy / "functions/provision/overspill_provision/plan.py").open("a") as file:
        file.write("# changed\n")
    after = object_names(Plan(plan_document(tmp_path, MODULE, VARIABLES, root=copy)))

    assert before == unchanged
    assert before["teardown"] == after["teardown"]
    assert before["provision"] != after["provision"]


def test_hash_in_the_name_is_the_zips(plan):
    names = object_names(plan)

    assert set(names) == set(FUNCTIONS)
    for function, name in names.items():
        assert name.startswith(f"{function}-")
        assert len(name) == len(f"{function}-.zip") + 64
