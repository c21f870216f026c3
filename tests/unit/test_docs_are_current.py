import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from overspill_shared.messages import MESSAGES

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = DOCS / "export.py"


@pytest.fixture(scope="module")
def export():
    spec = importlib.util.spec_from_file_location("docs_export", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_docs_are_what_the_code_says():
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_export_writes_every_page_and_a_schema_for_each_message(export, tmp_path):
    assert export.main(["--docs", str(tmp_path)]) == 0

    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    schemas = {f"messages/{model.__name__}.schema.json" for model in MESSAGES}
    assert written == {"lifecycle.md", "settings.md", "faults.md", "snapshot.schema.json"} | schemas
    assert export.main(["--docs", str(tmp_path), "--check"]) == 0


@pytest.mark.parametrize(
    "path", ["lifecycle.md", "settings.md", "faults.md", "messages/Sweep.schema.json", "messages/Forgotten.schema.json"]
)
def test_check_names_a_stale_file_and_writes_nothing(export, tmp_path, capsys, path):
    export.main(["--docs", str(tmp_path)])
    (tmp_path / path).write_text("stale")
    capsys.readouterr()

    assert export.main(["--docs", str(tmp_path), "--check"]) == 1

    assert capsys.readouterr().out.splitlines()[:-1] == [f"stale: {tmp_path / path}"]
    assert (tmp_path / path).read_text() == "stale"


def test_check_names_a_missing_file(export, tmp_path, capsys):
    export.main(["--docs", str(tmp_path)])
    (tmp_path / "lifecycle.md").unlink()
    capsys.readouterr()

    assert export.main(["--docs", str(tmp_path), "--check"]) == 1
    assert "lifecycle.md" in capsys.readouterr().out


def test_export_mends_what_is_stale_and_removes_what_is_left_over(export, tmp_path):
    export.main(["--docs", str(tmp_path)])
    (tmp_path / "lifecycle.md").write_text("stale")
    (tmp_path / "messages" / "Forgotten.schema.json").write_text("{}")
    (tmp_path / "runbook.md").write_text("by hand")

    assert export.write(tmp_path) == ["lifecycle.md", "messages/Forgotten.schema.json"]
    assert export.stale(tmp_path) == []
    assert not (tmp_path / "messages" / "Forgotten.schema.json").exists()
    assert (tmp_path / "runbook.md").read_text() == "by hand"


def test_schema_speaks_the_names_of_the_wire(export):
    schema = json.loads(export.pages()["messages/BurstEvent.schema.json"])

    assert "class" in schema["$defs"]["EventError"]["properties"]
    assert "error_class" not in schema["$defs"]["EventError"]["properties"]
    assert schema["properties"]["schema_version"]["default"] == "1.0"
