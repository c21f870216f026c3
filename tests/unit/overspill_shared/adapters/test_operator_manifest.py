import hashlib
import http.server
import ssl
import threading

import pytest
import trustme

from overspill_shared.adapters.operator_manifest import load_operator_manifest
from overspill_shared.errors import ConfigError, Unavailable

MANIFEST = b"""\
---
apiVersion: v1
kind: Namespace
metadata: {name: operator-system}
---
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: operator, namespace: operator-system}
"""
SHA256 = hashlib.sha256(MANIFEST).hexdigest()


@pytest.fixture
def manifest(tmp_path):
    path = tmp_path / "operator.yaml"
    path.write_bytes(MANIFEST)
    return str(path)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def https_url(authority, monkeypatch, tmp_path):
    """Serve the manifest by https at /operator.yaml, from an authority that the process trusts."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path == "/operator.yaml"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(MANIFEST if found else b"")

        def log_message(self, *args):
            pass

    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(5)


def test_load_operator_manifest_gives_the_documents_in_order(manifest):
    assert [item["kind"] for item in load_operator_manifest(manifest, None)] == ["Namespace", "ServiceAccount"]


@pytest.mark.parametrize("sha256", [SHA256, SHA256.upper()])
def test_load_operator_manifest_with_its_hash_is_taken(manifest, sha256):
    assert len(load_operator_manifest(manifest, sha256)) == 2


def test_load_operator_manifest_with_another_hash_is_refused_with_both(manifest):
    with pytest.raises(ConfigError, match=f"{SHA256}.*{'0' * 64}") as caught:
        load_operator_manifest(manifest, "0" * 64)

    assert caught.value.code == "operator-manifest-hash"


def test_load_operator_manifest_missing_file_names_it(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.yaml"):
        load_operator_manifest(str(tmp_path / "gone.yaml"), None)


@pytest.mark.parametrize("content", [b"a: [", b"- a\n- b\n", b"text\n", b"kind: Namespace\n"])
def test_load_operator_manifest_of_something_else_is_refused(tmp_path, content):
    path = tmp_path / "operator.yaml"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=r"operator\.yaml"):
        load_operator_manifest(str(path), None)


def test_load_operator_manifest_by_https_with_its_hash_is_taken(https_url):
    assert len(load_operator_manifest(f"{https_url}/operator.yaml", SHA256)) == 2


def test_load_operator_manifest_by_https_that_is_not_there_may_come_later(https_url):
    with pytest.raises(Unavailable, match="404"):
        load_operator_manifest(f"{https_url}/gone.yaml", SHA256)


def test_load_operator_manifest_by_https_without_hash_is_refused():
    with pytest.raises(ConfigError, match="operator_manifest_sha256"):
        load_operator_manifest("https://127.0.0.1:1/operator.yaml", None)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/operator.yaml", "file:///etc/passwd"])
def test_load_operator_manifest_by_anything_but_https_is_refused(url):
    with pytest.raises(ConfigError, match="https"):
        load_operator_manifest(url, SHA256)
