import json
import os
import subprocess
import sys
from pathlib import Path

MAIN = Path(__file__).parents[3] / "functions" / "teardown" / "main.py"

# functions-framework sets up logging of its own, so it has a process of its own.
SERVE_ONE = """
import json, sys
import functions_framework
app = functions_framework.create_app("teardown", sys.argv[1], "cloudevent")
push = {"message": {"data": "e30=", "messageId": "1"}, "subscription": "projects/demo/subscriptions/s"}
status = app.test_client().post("/", json=push).status_code
from overspill_teardown import apply, entrypoint
from overspill_shared.adapters import gcp_clients, gke, pubsub_publisher
slow = ("kubernetes", "fluxoperator", "yaml", "nacl")
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
    assert any(line["message"] == "settings.wrong" and "project" in line["reason"] for line in logged)
    assert answer["slow"] == [], "teardown needs none of these, ever"
