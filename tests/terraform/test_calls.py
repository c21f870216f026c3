"""The custom roles' calls (terraform/calls.yaml) against the code's, both ways.

Clusters: found in the functions' syntax. Objects in a cluster: noted while a burst with volumes is provisioned,
renewed, swept and removed over in-memory ports, and found in the syntax too, for calls that no such run makes.
"""

import pytest
import yaml
from tests.fakes import FakeClock, FakeClusters, FakeKubernetes, Faults, RecordingPublisher
from tests.terraform import code_calls
from tests.terraform.offline import MODULE, ROOT

from overspill_local.manifests import flux_operator_path
from overspill_provision.apply import Policy as ProvisionPolicy
from overspill_provision.apply import Ports as ProvisionPorts
from overspill_provision.apply import provision
from overspill_provision.entrypoint import limits_of
from overspill_provision.operator_install import prepare_operator
from overspill_provision.settings import ProvisionSettings
from overspill_shared.burst_metadata import namespace_name
from overspill_shared.errors import NotYet
from overspill_shared.messages import Sweep
from overspill_shared.reporting import Reporter, Subject
from overspill_teardown.apply import Policy as TeardownPolicy
from overspill_teardown.apply import Ports as TeardownPorts
from overspill_teardown.apply import teardown
from overspill_teardown.renewing import renew
from overspill_teardown.sweeping import sweep

FUNCTIONS = ("provision", "teardown")
CALLS = yaml.safe_load((ROOT / MODULE / "calls.yaml").read_text())
REAL_OPERATOR = {
    *("ClusterRole", "ClusterRoleBinding", "ConfigMap", "CustomResourceDefinition", "Deployment", "Namespace"),
    *("Role", "RoleBinding", "Service", "ServiceAccount"),
}
"""Kinds in the Flux Operator's own manifest (examples/dist/flux-operator.yaml), which is applied as it is."""
VOLUMES = [
    {"name": "data", "mount_path": "/data", "gcs_bucket": "my-data"},
    {"name": "home", "mount_path": "/home", "nfs": {"server": "10.0.0.2", "path": "/vol1"}},
]


class NotingKubernetes(FakeKubernetes):
    """Notes which methods are called, on which kinds."""

    def __init__(self, clock, faults):
        super().__init__(clock, faults)
        self.calls = set()

    def apply(self, manifest):
        self.calls.add(("apply", manifest["kind"]))
        super().apply(manifest)

    def create(self, manifest):
        self.calls.add(("create", manifest["kind"]))
        super().create(manifest)

    def read(self, api_version, kind, name, *, namespace=None):
        self.calls.add(("read", kind))
        return super().read(api_version, kind, name, namespace=namespace)

    def list(self, api_version, kind, **options):
        self.calls.add(("list", kind))
        return super().list(api_version, kind, **options)

    def delete(self, api_version, kind, name, *, namespace=None):
        self.calls.add(("delete", kind))
        super().delete(api_version, kind, name, namespace=namespace)

    def _stored(self, manifest, before):
        stored = super()._stored(manifest, before)
        stored["metadata"].setdefault("uid", "a-uid")
        return stored

    def list_pods(self, namespace, label_selector):
        self.calls.add(("list_pods", "Pod"))
        return super().list_pods(namespace, label_selector)


class Burst:
    """A burst's life over in-memory ports."""

    def __init__(self, request, private_keys):
        self.request, self.private_keys = request, private_keys
        self.clock, faults = FakeClock(), Faults()
        self.clusters = FakeClusters(self.clock, faults)
        self.kubernetes = NotingKubernetes(self.clock, faults)
        self.publisher = RecordingPublisher(faults)

    def noted(self, act):
        """Give what an act calls; it is repeated until it is done."""
        self.kubernetes.calls = set()
        for _ in range(20):
            try:
                act()
            except NotYet:
                self.clock.sleep(30)
            else:
                return self.kubernetes.calls
        pytest.fail("the act does not end")

    def provision(self):
        text = self.private_keys.reveal().decode()
        settings = ProvisionSettings(
            project="p", deployment="prod", private_key=text, operator_manifest="/operator.yaml"
        )
        limits = limits_of(settings.model_copy(update={"allowed_lead_names": ("*",)}))
        documents = yaml.safe_load_all(flux_operator_path().read_text())
        operator = prepare_operator([d for d in documents if d], image=f"operator@sha256:{'a' * 64}")
        ports = ProvisionPorts(
            clusters=self.clusters, connect=lambda _: self.kubernetes, operator=lambda: operator, clock=self.clock
        )
        policy = ProvisionPolicy(
            limits=limits, private_keys=self.private_keys, deadman_image=settings.deadman_image, budget_s=480, poll_s=5
        )
        provision(self.request, self._reporter(self.request), ports=ports, policy=policy)

    def end(self, renewal, request):
        """Renew, sweep and remove."""
        ports = TeardownPorts(clusters=self.clusters, connect=lambda _: self.kubernetes, clock=self.clock)
        policy = TeardownPolicy(deployment="prod", budget_s=30, poll_s=5, forgotten_after_s=3600)
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "s", "namespace": namespace_name(self.request)},
            "spec": {"type": "LoadBalancer"},
        }
        FakeKubernetes.apply(self.kubernetes, service)
        renew(renewal, ports=ports, policy=policy)
        sweep(Sweep(), ports=ports, policy=policy, publisher=self.publisher)
        teardown(request, self._reporter(request), ports=ports, policy=policy)

    def _reporter(self, request):
        return Reporter(Subject.of(request), self.publisher, self.clock)


@pytest.fixture(scope="module")
def object_calls(burst_request, lease_renewal, teardown_request, keypair):
    """Give (method, kind) of what each function does to objects in a cluster."""
    request = burst_request(template={"volumes": VOLUMES}, size=1)
    burst = Burst(request, keypair[1])
    about = {"burst_id": request.burst_id}
    made = burst.noted(burst.provision)
    burst.request = request.model_copy(update={"revision": 2, "size": request.size + 1})
    made |= burst.noted(burst.provision)
    assert burst.publisher.kinds[-1] == "ready"
    renewal = lease_renewal(**about, expires_at=burst.clock.now() + 1200)
    ended = burst.noted(lambda: burst.end(renewal, teardown_request(**about, reason="operator")))
    assert burst.clusters.list().clusters == ()
    noted = {"provision": made | {("apply", kind) for kind in REAL_OPERATOR}, "teardown": ended}
    return {function: noted[function] | code_calls.object_calls(function) for function in FUNCTIONS}


def test_operators_kinds_are_all_of_the_embedded_ones_too():
    documents = yaml.safe_load_all(flux_operator_path().read_text())

    assert {document["kind"] for document in documents if document} <= REAL_OPERATOR


def test_every_method_of_the_ports_has_its_permissions():
    assert set(CALLS["clusters"]) == code_calls.port_methods("Clusters")
    assert set(CALLS["kubernetes"]) == code_calls.port_methods("KubernetesApi") - {"close"}


def test_methods_call_of_googles_client_what_the_page_says():
    called = code_calls.client_calls("gke.py", "GkeClusters")

    assert {method: set(entry["client"]) for method, entry in CALLS["clusters"].items()} == called


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_call_the_methods_of_clusters_that_the_page_says(function):
    assert set(CALLS["functions"][function]["clusters"]) == code_calls.cluster_methods(function)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_touch_the_objects_that_the_page_says(function, object_calls):
    said = {
        (method, kind) for kind, methods in CALLS["functions"][function]["kubernetes"].items() for method in methods
    }

    assert said == object_calls[function]


def test_kinds_are_no_others_than_those_that_are_touched():
    used = {kind for uses in CALLS["functions"].values() for kind in uses["kubernetes"]}

    assert set(CALLS["kinds"]) == used


@pytest.mark.parametrize("function", FUNCTIONS)
def test_role_has_the_permissions_of_its_calls_and_no_other(plan_with, function):
    uses = CALLS["functions"][function]
    wanted = {permission for method in uses["clusters"] for permission in CALLS["clusters"][method]["permissions"]}
    wanted |= set(CALLS["connect"])
    for kind, methods in uses["kubernetes"].items():
        resource = CALLS["kinds"][kind]["resource"]
        wanted |= {f"container.{resource}.{verb}" for method in methods for verb in CALLS["kubernetes"][method]}
        wanted |= set(CALLS["kinds"][kind].get("apply_also", ()) if "apply" in methods else ())
    role = plan_with(iam_mode="custom").one("google_project_iam_custom_role", "clusters", function)

    assert set(role.values["permissions"]) == wanted
    assert role.values["project"] == "my-bursts"
