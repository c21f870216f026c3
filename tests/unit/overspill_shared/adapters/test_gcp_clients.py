from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading

import pytest

from overspill_shared.adapters.gcp_clients import cluster_manager_client

DEADLINE_S = 30.0

CALL = """
from overspill_shared import errors
from overspill_shared.adapters.gcp_clients import access_token, cluster_manager_client
try:
    {call}
except errors.{error} as error:
    print(error)
"""


class RefusingMetadataServer(http.server.BaseHTTPRequestHandler):
    """Says that it is a metadata server, and knows no account."""

    def do_GET(self):
        self.send_response(200 if self.path == "/" else 404)
        self.send_header("Metadata-Flavor", "Google")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args):
        pass


def run_python(code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run code where google.auth finds nothing but what the environment given says."""
    nowhere = {"GOOGLE_APPLICATION_CREDENTIALS": "", "CLOUDSDK_CONFIG": "/nonexistent"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **nowhere, **environ},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def test_cluster_manager_client_with_emulator_needs_no_credentials():
    client = cluster_manager_client({"GKE_EMULATOR_HOST": "127.0.0.1:1"})

    assert client.transport.kind == "grpc"
    client.transport.close()


@pytest.mark.parametrize("call", ["cluster_manager_client({})", "access_token()"])
def test_call_without_credentials_raises_config_error(call):
    # An emulator in the process's environment must not matter: the mapping given decides.
    result = run_python(
        CALL.format(call=call, error="ConfigError"), NO_GCE_CHECK="true", GKE_EMULATOR_HOST="127.0.0.1:1"
    )

    assert "No Google credentials" in result.stdout, result.stderr


def test_access_token_metadata_server_refuses_raises_unavailable():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), RefusingMetadataServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"

        result = run_python(
            CALL.format(call="access_token()", error="Unavailable"),
            NO_GCE_CHECK="false",
            GCE_METADATA_HOST=address,
            GCE_METADATA_IP=address,
            GOOGLE_CLOUD_PROJECT="demo",
        )
        server.shutdown()

    assert "could not be refreshed" in result.stdout, result.stderr
