"""The functions as they are deployed: Terraform's zips, in an environment with nothing but their requirements."""

import base64
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.terraform.offline import VARIABLES, plan_document

from overspill_local.free_port import free_port
from overspill_shared import names
from overspill_shared.wire_format import encode

FUNCTIONS = ("provision", "teardown")
INSTALL_S, START_S, DELIVERY_S = 110, 60, 60
NOT_YET = 503


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Give the unpacked zips, as Terraform made them, by function."""
    made = tmp_path_factory.mktemp("zips")
    plan_document(made, variables={**VARIABLES, "zip_folder": str(made)})
    for function in FUNCTIONS:
        with zipfile.ZipFile(made / f"overspill-{function}.zip") as archive:
            archive.extractall(made / function)
    return {function: made / function for function in FUNCTIONS}


@pytest.fixture(scope="module")
def served(folders, cloud):
    """Give the functions' ports, each served from its zip in an environment of its own, by the cloud's settings."""
    with ThreadPoolExecutor() as pool:
        pythons = dict(zip(FUNCTIONS, pool.map(install, (folders[name] for name in FUNCTIONS)), strict=True))
    started = {name: start(name, folders[name], pythons[name], environ_of(cloud, name)) for name in FUNCTIONS}
    try:
        for port, process in started.values():
            wait_for(port, process)
        yield {name: port for name, (port, _) in started.items()}
    finally:
        for _, process in started.values():
            process.terminate()
            process.wait(20)


def install(folder):
    """Make an environment with just what the zip requires, by its hashes; gives its Python."""
    environment = folder.parent / f"{folder.name}-environment"
    python = environment / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True, timeout=INSTALL_S)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python)]
    options = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile"]
    subprocess.run(
        [*pip, "install", *options, "--requirement", str(folder / "requirements.txt")], check=True, timeout=INSTALL_S
    )
    subprocess.run([*pip, "check"], check=True, timeout=INSTALL_S)
    return python


def environ_of(cloud, function):
    """Give the environment in which the cloud serves a function from the repository."""
    words = ("functions-framework", function)
    pid = next(p.pid for p in cloud.cloud.supervisor.found() if all(word in str(p.cmdline) for word in words))
    pairs = (pair.partition("=") for pair in Path(f"/proc/{pid}/environ").read_text().split("\0"))
    return {key: value for key, _, value in pairs if key and key not in {"PYTHONPATH", "VIRTUAL_ENV"}}


def start(function, folder, python, environ):
    """Start a function as Cloud Functions does where it has no trigger: by HTTP, from the folder itself."""
    port = free_port()
    program = python.with_name("functions-framework")
    argv = [str(python), "-I", str(program), f"--target={function}", "--signature-type=http"]
    argv += ["--host=127.0.0.1", f"--port={port}"]
    with (folder.parent / f"{function}.log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=folder, env=environ, stdout=log, stderr=log)
    return port, process


def wait_for(port, process):
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "functions-framework has ended"
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
        except urllib.error.HTTPError:  # it answers, and does not like what it was asked
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail("functions-framework does not serve")


def push(port, message):
    """Deliver a message as a push subscription does, until it is acked; gives the answers' codes."""
    body, attributes = encode(message)
    envelope = {
        "message": {"data": base64.b64encode(body).decode(), "attributes": attributes, "messageId": "1"},
        "subscription": f"projects/my-project/subscriptions/{message.topic}-push",
    }
    url = f"http://127.0.0.1:{port}/projects/my-project/topics/{message.topic}"
    answers, deadline = [], time.monotonic() + DELIVERY_S
    while time.monotonic() < deadline:
        request = urllib.request.Request(
            url, json.dumps(envelope).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=DELIVERY_S) as answer:
                return [*answers, answer.status]
        except urllib.error.HTTPError as error:
            answers.append(error.code)
            if error.code != NOT_YET:
                break
            time.sleep(0.2)
    pytest.fail(f"not acked: {answers}")


def test_zip_holds_the_functions_own_code_and_what_is_shared(folders):
    for function, folder in folders.items():
        found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}

        assert {"main.py", "requirements.txt", f"overspill_{function}/entrypoint.py"} <= found
        assert {Path(name).parts[0] for name in found} == {
            "main.py",
            "requirements.txt",
            f"overspill_{function}",
            "overspill_shared",
        }


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_zips_serve_a_burst_from_request_to_removal(served, cloud, request_here, teardown_of):
    request = request_here()
    push(served["provision"], request)
    assert cloud.wait_for_kind(request.burst_id, "ready")[-1] == "ready"
    assert names.cluster_name(request.burst_id) in cloud.clusters()

    push(served["teardown"], teardown_of(request))
    cloud.wait_for_kind(request.burst_id, "removed")
    assert names.cluster_name(request.burst_id) not in cloud.clusters()
