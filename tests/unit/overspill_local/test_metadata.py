from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest

from overspill_local.metadata import MetadataServer

DEADLINE_S = 30.0

# google.auth reads where the metadata server is when it is imported: it needs a process of its own.
USE_GOOGLE_AUTH = """
import json, sys
import google.auth, google.oauth2.id_token
from google.auth import jwt
from google.auth.transport.requests import Request
from overspill_shared.adapters.gcp_clients import access_token

credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
credentials.refresh(Request())
headers = {}
credentials.before_request(Request(), "GET", "https://container.googleapis.com/v1/x", headers)
identity = google.oauth2.id_token.fetch_id_token(Request(), "https://provision.example")
json.dump(
    {
        "project": project,
        "token": credentials.token,
        "expired": credentials.expired,
        "email": credentials.service_account_email,
        "universe": credentials.universe_domain,
        "authorization": headers["authorization"],
        "identity": jwt.decode(identity, verify=False),
        "access_token": access_token(),
    },
    sys.stdout,
)
"""


@pytest.fixture
def server():
    """A running metadata server, in an event loop of another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def call(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(DEADLINE_S)

    metadata = MetadataServer("demo")
    call(metadata.start("127.0.0.1"))
    yield metadata
    call(metadata.stop())
    loop.call_soon_threadsafe(loop.stop)
    thread.join(DEADLINE_S)
    loop.close()


def get(server: MetadataServer, path: str, **headers: str) -> tuple[int, str, str | None]:
    """Ask for a path; gives status, body and the flavour of the answer."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"http://{server.environ()['GCE_METADATA_HOST']}{path}"
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as response:
            return response.status, response.read().decode(), response.headers["Metadata-Flavor"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers["Metadata-Flavor"]


def test_google_auth_default_and_refresh_find_project_and_tokens(server):
    # A developer's own credentials must not be found, so they are set here to something that would fail.
    environ = {**os.environ, "GOOGLE_APPLICATION_CREDENTIALS": "/no/such/key.json", **server.environ()}

    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", USE_GOOGLE_AUTH],
        env=environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout)
    assert server.is_valid(seen["token"])
    assert seen["authorization"] == f"Bearer {seen['token']}"
    assert seen["access_token"] == seen["token"]
    assert seen["expired"] is False
    assert seen["project"] == "demo"
    assert seen["universe"] == "googleapis.com"
    assert seen["email"] == seen["identity"]["email"] == "embedded@overspill.invalid"
    assert seen["identity"]["aud"] == "https://provision.example"


def test_token_of_other_run_or_none_is_invalid(server):
    _, body, _ = get(server, "/computeMetadata/v1/instance/service-accounts/default/token", Metadata_Flavor="Google")
    token = json.loads(body)["access_token"]

    assert server.is_valid(token)
    assert not MetadataServer("demo").is_valid(token)
    assert not server.is_valid("")
    assert not server.is_valid("né")


@pytest.mark.parametrize(
    "headers",
    [{}, {"Metadata_Flavor": "Amazon"}, {"Metadata_Flavor": "Google", "X_Forwarded_For": "10.0.0.1"}],
    ids=["no-flavor", "other-flavor", "forwarded"],
)
def test_request_that_may_be_forged_forbidden(server, headers):
    status, body, _ = get(server, "/computeMetadata/v1/instance/service-accounts/default/token", **headers)

    assert status == 403
    assert "access_token" not in body


def test_root_without_header_answers_with_flavor(server):
    assert get(server, "/") == (200, "computeMetadata/\n", "Google")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("service-accounts/embedded@overspill.invalid/token", 200),
        ("service-accounts/default/email", 200),
        ("service-accounts/stranger@overspill.invalid/token", 404),
        ("service-accounts/default/identity", 400),
        ("attributes/ssh-keys", 404),
    ],
)
def test_path_answers_status_with_flavor(server, path, status):
    seen, _, flavor = get(server, f"/computeMetadata/v1/instance/{path}", Metadata_Flavor="Google")

    assert (seen, flavor) == (status, "Google")


def test_repr_masks_token(server):
    assert "ya29" not in repr(server)


def test_start_on_taken_port_fails(server):
    port = int(server.environ()["GCE_METADATA_HOST"].rpartition(":")[2])

    async def start_second() -> None:
        second = MetadataServer("demo")
        try:
            await second.start("127.0.0.1", port=port)
        finally:
            await second.stop()

    with pytest.raises(OSError, match="address already in use"):
        asyncio.run(start_second())
