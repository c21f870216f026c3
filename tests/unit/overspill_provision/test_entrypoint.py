import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from overspill_provision.entrypoint import _read_private_keys
from overspill_provision.settings import ProvisionSettings
from overspill_shared.errors import ConfigError
from overspill_shared.function_settings import load_for_function

MAIN = Path(__file__).parents[3] / "functions" / "provision" / "main.py"
ENVIRON = {"OVERSPILL_PROJECT": "demo", "OVERSPILL_OPERATOR_MANIFEST": "/srv/operator.yaml"}

# functions-framework sets up logging of its own, so it has a process of its own.
SERVE_ONE = """
import json, sys
import functions_framework
app = functions_framework.create_app("provision", sys.argv[1], "cloudevent")
push = {"message": {"data": "e30=", "messageId": "1"}, "subscription": "projects/demo/subscriptions/s"}
status = app.test_client().post("/", json=push).status_code
slow = ("google.cloud.container_v1", "google.cloud.pubsub_v1", "grpc", "kubernetes", "fluxoperator", "yaml")
print(json.dumps({"status": status, "slow": [name for name in slow if name in sys.modules]}))
"""


def test_main_without_settings_answers_500_and_logs_the_key():
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("OVERSPILL_", "GOOGLE_"))}
    done = subprocess.run(
        [sys.executable, "-c", SERVE_ONE, str(MAIN)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    logged = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert answer["status"] == 500
    assert any(line["message"] == "settings.wrong" and "operator_manifest" in line["reason"] for line in logged)
    assert answer["slow"] == [], "a cold start waits for these imports"


def read_keys(**environ):
    return _read_private_keys(load_for_function(ProvisionSettings, {**ENVIRON, **environ}))


def test_read_private_keys_from_variable_or_file_are_the_same(keypair, tmp_path):
    text = keypair[1].reveal()
    (tmp_path / "key").write_bytes(text)

    assert read_keys(OVERSPILL_PRIVATE_KEY=text.decode()) == keypair[1]
    assert read_keys(OVERSPILL_PRIVATE_KEY_FILE=str(tmp_path / "key")) == keypair[1]


@pytest.mark.parametrize("text", ["", "canary", "overspill-private-key:v1:canary"])
def test_read_private_keys_that_are_none_are_found_out_at_once(tmp_path, text):
    (tmp_path / "key").write_text(text)

    with pytest.raises(ConfigError) as caught:
        read_keys(OVERSPILL_PRIVATE_KEY_FILE=str(tmp_path / "key"))

    assert "canary" not in str(caught.value)


def test_read_private_keys_missing_file_names_key_and_path(tmp_path):
    with pytest.raises(ConfigError, match=r"private_key_file .*gone"):
        read_keys(OVERSPILL_PRIVATE_KEY_FILE=str(tmp_path / "gone"))
