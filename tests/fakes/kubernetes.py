"""One cluster's Kubernetes API, with what a Flux Operator would do there."""

from datetime import UTC, datetime

from overspill_shared.errors import AlreadyExists, Conflict, NotFound
from overspill_shared.pods import Pod, PodPhase

CLUSTER_SCOPED = {
    "Namespace",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleBinding",
    "Node",
    "PersistentVolume",
    "PriorityClass",
}
MADE_BY_DEFINITION = {"MiniCluster": "miniclusters.flux-framework.org"}


class FakeKubernetes:
    """Objects; definitions are established at once, and a pod runs `start_s` after its MiniCluster asked for it."""

    def __init__(self, clock, faults, start_s=20):
        self.clock, self.faults, self.start_s = clock, faults, start_s
        self.objects = {}
        self.applied = []
        self.starts_at = {}
        self.sizes = []
        self.phase = PodPhase.RUNNING
        self.trouble = None
        self.is_established = True
        self.is_available = True
        self.version = 0
        self.closed = 0

    def add_namespace(self, name):
        """Put a namespace there that somebody else made."""
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        self.objects["Namespace", name, None] = self._stored(manifest, None)

    def apply(self, manifest):
        kind, metadata = manifest["kind"], manifest["metadata"]
        self.faults.reach(f"apply {kind}")
        self._check_place(kind, metadata.get("namespace"))
        self._check_version(metadata, self.objects.get(self._key(kind, metadata["name"], metadata.get("namespace"))))
        self._put(manifest)

    def create(self, manifest):
        kind, metadata = manifest["kind"], manifest["metadata"]
        self.faults.reach(f"create {kind}")
        self._check_place(kind, metadata.get("namespace"))
        if self._key(kind, metadata["name"], metadata.get("namespace")) in self.objects:
            raise AlreadyExists("the object exists already.")
        self._put(manifest)

    def read(self, api_version, kind, name, *, namespace=None):
        self.faults.reach(f"read {kind}")
        found = self.objects.get(self._key(kind, name, namespace))
        return self._with_status(found) if found else None

    def list(self, api_version, kind, *, namespace=None, label_selector=""):
        self.faults.reach(f"list {kind}")
        wanted = dict(item.split("=") for item in label_selector.split(",") if item)
        return tuple(
            manifest
            for (its_kind, _, its_namespace), manifest in self.objects.items()
            if its_kind == kind
            and namespace in (None, its_namespace)
            and wanted.items() <= (manifest["metadata"].get("labels") or {}).items()
        )

    def delete(self, api_version, kind, name, *, namespace=None):
        self.faults.reach(f"delete {kind}")
        found = self.objects.pop(self._key(kind, name, namespace), None)
        if found and kind == "MiniCluster":
            self._scale(found["metadata"], 0)
        if found and kind == "Namespace":
            self.objects = {key: value for key, value in self.objects.items() if key[2] != name}
            self.starts_at = {key: value for key, value in self.starts_at.items() if key[0] != name}

    def list_pods(self, namespace, label_selector):
        self.faults.reach("list_pods")
        job = label_selector.removeprefix("job-name=")
        return tuple(
            Pod(name=f"{job}-{index}-x", phase=self.phase)
            if self.clock.now() >= starts_at
            else Pod(name=f"{job}-{index}-x", phase=PodPhase.PENDING, trouble=self.trouble)
            for index, starts_at in enumerate(self.starts_at.get((namespace, job), ()))
        )

    def close(self):
        self.closed += 1

    def _key(self, kind, name, namespace):
        return kind, name, None if kind in CLUSTER_SCOPED else namespace or "default"

    def _put(self, manifest):
        kind, metadata = manifest["kind"], manifest["metadata"]
        self.applied.append(kind)
        key = self._key(kind, metadata["name"], metadata.get("namespace"))
        self.objects[key] = self._stored(manifest, self.objects.get(key))
        if kind == "MiniCluster":
            self._scale(metadata, manifest["spec"]["size"])

    def _check_place(self, kind, namespace):
        """An object needs a namespace that exists and a kind that is known."""
        needed = None if kind in CLUSTER_SCOPED or namespace in ("default", "kube-system") else namespace
        if needed and ("Namespace", needed, None) not in self.objects:
            raise NotFound(f'namespaces "{needed}" not found.')
        definition = MADE_BY_DEFINITION.get(kind)
        if definition and ("CustomResourceDefinition", definition, None) not in self.objects:
            raise NotFound(f"the cluster does not know the kind {kind}.")

    def _check_version(self, metadata, before):
        wanted = metadata.get("resourceVersion")
        if wanted is not None and (before is None or before["metadata"]["resourceVersion"] != wanted):
            raise Conflict("somebody else changed the object meanwhile.")

    def _stored(self, manifest, before):
        now = datetime.fromtimestamp(self.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        made_at = before["metadata"].get("creationTimestamp", now) if before else now
        stored = {**manifest, "metadata": dict(manifest["metadata"])}
        stored["metadata"] |= {"creationTimestamp": made_at}
        if before:
            stored["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
        if stored == before:
            return before
        self.version += 1
        stored["metadata"]["resourceVersion"] = str(self.version)
        return stored

    def _scale(self, metadata, size):
        self.sizes.append(size)
        key = (metadata["namespace"], metadata["name"])
        there = self.starts_at.get(key, ())[:size]
        self.starts_at[key] = (*there, *[self.clock.now() + self.start_s] * (size - len(there)))

    def _with_status(self, found):
        if found["kind"] == "CustomResourceDefinition" and self.is_established:
            return {**found, "status": {"conditions": [{"type": "Established", "status": "True"}]}}
        if found["kind"] == "Deployment" and self.is_available:
            status = {"observedGeneration": 1, "conditions": [{"type": "Available", "status": "True"}]}
            return {**found, "status": status}
        return found
