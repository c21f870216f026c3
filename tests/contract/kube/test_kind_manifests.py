"""The manifests of agent/deploy/kind, against the API server's schemas and the functions' settings."""

import json
import os
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from tests.contract.kube.schema_check import problems

from overspill_agent import cli
from overspill_local.manifests import flux_operator_path
from overspill_provision.settings import ProvisionSettings
from overspill_shared import names
from overspill_shared.function_settings import load_for_function
from overspill_shared.messages import Sweep
from overspill_teardown.settings import TeardownSettings

KIND = Path(__file__).parents[3] / "agent" / "deploy" / "kind"
DOCUMENTS = tuple(d for d in yaml.safe_load_all((KIND / "overspill.yaml").read_text()) if d)


def one(kind, name):
    (found,) = [d for d in DOCUMENTS if (d["kind"], d["metadata"]["name"]) == (kind, name)]
    return found


def container(kind, name):
    return one(kind, name)["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: f"{d['kind']}-{d['metadata']['name']}")
def test_objects_are_what_kubernetes_knows(document):
    assert problems(document) == []


def test_kind_exposes_the_leads_node_port():
    cluster = yaml.safe_load((KIND / "kind-cluster.yaml").read_text())
    ports = [port for node in cluster["nodes"] for port in node.get("extraPortMappings", ())]

    assert [(port["containerPort"], port["hostPort"]) for port in ports] == [(30093, 30093)]


@pytest.mark.parametrize(("function", "model"), [("provision", ProvisionSettings), ("teardown", TeardownSettings)])
def test_functions_accept_their_environment(function, model):
    environ = {item["name"]: item["value"] for item in container("Deployment", function)["env"]}
    settings = load_for_function(model, environ)

    assert {name.removeprefix("OVERSPILL_").lower() for name in environ} - {"pubsub_emulator_host"} <= set(
        model.model_fields
    )
    assert settings.clusters.value == "existing"
    mounts = {mount["mountPath"] for mount in container("Deployment", function)["volumeMounts"]}
    assert {str(Path(settings.kubeconfig).parent)} <= mounts


def test_topics_and_pushes_are_those_of_the_code():
    script = container("Job", "topics")["args"][0]

    for topic in names.TOPICS:
        assert topic.removeprefix("overspill-") in script
    for topic in set(names.TOPICS) - {names.TOPIC_EVENTS}:
        assert f"{topic.removeprefix('overspill-')}=" in script


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on PATH")
@pytest.mark.parametrize(("status", "is_done"), [(200, True), (409, True), (500, False)])
def test_topics_are_made_again_where_some_are_there_already(status, is_done):
    """The Job comes again if it is stopped halfway, and then finds what it has made."""
    body = json.dumps({"error": {"code": status}}).encode()

    class Answer(BaseHTTPRequestHandler):
        def do_PUT(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_): ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        script = container("Job", "topics")["args"][0].replace("pubsub:8085", f"127.0.0.1:{server.server_port}")
        environ = {**os.environ, "no_proxy": "127.0.0.1"}
        done = subprocess.run(["sh", "-euc", script], stdin=subprocess.DEVNULL, env=environ, timeout=60, check=False)
        server.shutdown()

    assert (done.returncode == 0) is is_done


def test_sweep_is_a_message_that_the_code_reads():
    arguments = one("CronJob", "sweep")["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"]
    (message,) = json.loads(arguments[arguments.index("--data") + 1])["messages"]

    assert message["attributes"].items() >= Sweep().attributes().items()


def test_lead_with_the_patch_is_a_minicluster(tmp_path):
    arguments = ["init", str(tmp_path), "--name=lead", "--namespace=flux", "--size=1", "--cores=1"]
    arguments += ["--slot=burst-0=2:cores=1,machine=e2-standard-2,memory_mib=1024,zone=us-central1-a,price=0"]
    arguments += [
        "--service=nodeport",
        "--node-port=30093",
        "--agent-image=overspill-agent:kind",
        "--project=overspill-kind",
    ]
    assert cli.run(arguments) == 0
    kustomization = yaml.safe_load((KIND / "lead" / "kustomization.yaml").read_text())
    lead = yaml.safe_load((tmp_path / "minicluster.yaml").read_text())
    (patch,) = kustomization["patches"]
    for change in yaml.safe_load(patch["patch"]):
        *path, last = change["path"].removeprefix("/").split("/")
        place = lead
        for part in path:
            place = place[int(part)] if isinstance(place, list) else place[part]
        place[last] = change["value"]

    assert {(tmp_path / name).is_file() for name in kustomization["resources"]} == {True}
    assert problems(lead, definitions=flux_operator_path()) == []
    assert lead["spec"]["containers"][1]["name"] == "overspill"
    assert lead["spec"]["containers"][1]["environment"]["PUBSUB_EMULATOR_HOST"] == "pubsub.overspill:8085"


def test_objects_with_wrong_fields_are_found():
    wrong = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": 1}, "spec": {"port": []}}

    assert problems(wrong) == ["Service.metadata.name: is no str", "Service.spec.port: is no field"]


def test_guide_says_what_the_tests_do():
    guide = (KIND.parents[2] / "docs" / "kind.md").read_text()

    assert "--project overspill-kind" in guide
    assert {item["value"] for item in container("Deployment", "provision")["env"]} >= {"overspill-kind"}
    assert "--node-port 30093" in guide
