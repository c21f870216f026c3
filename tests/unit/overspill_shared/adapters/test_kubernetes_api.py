"""What no API server does on request: see tests/contract/kube for the rest."""

import contextlib
import http.server
import json
import ssl
import threading

import pytest
import trustme

from overspill_shared.adapters.kubernetes_api import KubernetesApiClient
from overspill_shared.errors import CloudError, PermissionDenied

DISCOVERY = {
    "resources": [
        {"name": "secrets", "kind": "Secret", "namespaced": True},
        {"name": "secrets/status", "kind": "Secret", "namespaced": True},
        {"name": "configmaps", "kind": "ConfigMap", "namespaced": True},
    ]
}


class EchoingServer:
    """An API server that answers every apply with one status and what it was sent."""

    def __init__(self, authority):
        server = self
        self.answers = [422]
        self.requests = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(200, DISCOVERY)

            def do_PATCH(self):
                server.requests += 1
                sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
                self.answer(status, {"kind": "Status", "message": f"cannot take {sent}"})

            def answer(self, status, content):
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self._server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.endpoint = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()


@pytest.fixture
def server_and_client():
    authority = trustme.CA()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(contextlib.closing(EchoingServer(authority)))
        client = KubernetesApiClient(
            server.endpoint, authority.cert_pem.bytes(), lambda: "ya29.canary-token", retry_for_s=5
        )
        yield server, stack.enter_context(contextlib.closing(client))


def manifest(kind):
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "n", "namespace": "ns"}, "data": {"k": "canary"}}


def test_apply_secret_refused_by_a_server_that_echoes_it_shows_nothing(server_and_client):
    _, client = server_and_client

    with pytest.raises(CloudError, match="HTTP 422") as caught:
        client.apply(manifest("Secret"))

    assert "canary" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_apply_other_kind_refused_quotes_the_server(server_and_client):
    _, client = server_and_client

    with pytest.raises(CloudError, match=r"cannot take .*canary") as caught:
        client.apply(manifest("ConfigMap"))

    assert (caught.value.code, caught.value.retryable) == ("kubernetes-422", False)
    assert "canary-token" not in str(caught.value)


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_apply_refused_for_a_while_is_tried_again(server_and_client, status):
    server, client = server_and_client
    server.answers = [status, 200]

    client.apply(manifest("Secret"))

    assert server.requests == 2


@pytest.mark.parametrize("status", [401, 403])
def test_apply_without_the_right_is_not_tried_again(server_and_client, status):
    server, client = server_and_client
    server.answers = [status]

    with pytest.raises(PermissionDenied, match="PATCH"):
        client.apply(manifest("ConfigMap"))

    assert server.requests == 1
