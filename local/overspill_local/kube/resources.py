"""The kinds that the embedded API serves: their names, paths and traits, and the registry that finds them.

What happens to objects of a kind (validation, defaults, deletion) does not live here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from overspill_local.kube.listtypes import BUILTIN_LISTS, CUSTOM_LISTS, ListTypes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KubeObject: TypeAlias = dict[str, Any]
"""One Kubernetes object as JSON."""

GroupResource: TypeAlias = tuple[str, str]
"""API group (empty for core) and plural: objects are stored under it, whatever version they are served in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalePaths:
    """Where a kind keeps what its scale subresource shows; member names from the object's root."""

    replicas: tuple[str, ...] = ("spec", "replicas")
    status_replicas: tuple[str, ...] = ("status", "replicas")
    selector: tuple[str, ...] = ("status", "selector")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType:
    """One kind in one version: how it is addressed and which rules its objects follow."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    scale: ScalePaths | None = None
    definition: str | None = None
    """Name of the CustomResourceDefinition that declares it; None for a built-in kind."""
    schema: KubeObject | None = None
    """`openAPIV3Schema` of a custom resource."""
    counts_generations: bool = False
    """Whether `metadata.generation` counts changes of the spec."""
    unconditional_update: bool = True
    """Whether a PUT may leave out `metadata.resourceVersion`."""
    create_on_update: bool = False
    """Whether a PUT to a name that does not exist creates it."""
    status_on_create: bool = False
    """Whether a create may bring a status along, as a kubelet does when it registers its node."""
    field_labels: frozenset[str] = frozenset()
    """What a field selector may ask for beside `metadata.name` and `metadata.namespace`."""

    @property
    def key(self) -> GroupResource:
        """Return what its objects are stored under."""
        return (self.group, self.plural)

    @property
    def api_version(self) -> str:
        """Return `group/version`, or the bare version of the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified_plural(self) -> str:
        """Return the name that errors about one object give: `leases.coordination.k8s.io`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        """Return the name that validation errors give: `Lease.coordination.k8s.io`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    @property
    def list_types(self) -> ListTypes:
        """Return how its lists merge."""
        return CUSTOM_LISTS if self.definition else BUILTIN_LISTS


def _builtin(api_version: str, kind: str, plural: str, **traits: Any) -> ResourceType:
    group, _, version = api_version.rpartition("/")
    return ResourceType(group=group, version=version, kind=kind, plural=plural, **traits)


_POD_FIELDS = frozenset({"spec.nodeName", "spec.serviceAccountName", "status.phase", "status.podIP"})
_EVENT_FIELDS = frozenset(
    {"involvedObject.kind", "involvedObject.name", "involvedObject.namespace", "involvedObject.uid"}
    | {"reason", "type"}
)
_RBAC = "rbac.authorization.k8s.io/v1"

BUILTIN_RESOURCES: tuple[ResourceType, ...] = (
    _builtin(
        "v1",
        "Namespace",
        "namespaces",
        namespaced=False,
        short_names=("ns",),
        subresources=("status",),
        field_labels=frozenset({"status.phase"}),
    ),
    _builtin("v1", "Secret", "secrets", field_labels=frozenset({"type"})),
    _builtin("v1", "ConfigMap", "configmaps", short_names=("cm",)),
    _builtin("v1", "Service", "services", short_names=("svc",), subresources=("status",)),
    _builtin("v1", "ServiceAccount", "serviceaccounts", short_names=("sa",)),
    _builtin(
        "v1",
        "Pod",
        "pods",
        short_names=("po",),
        subresources=("status", "log"),
        counts_generations=True,
        field_labels=_POD_FIELDS,
    ),
    _builtin(
        "v1",
        "Node",
        "nodes",
        namespaced=False,
        short_names=("no",),
        subresources=("status",),
        status_on_create=True,
    ),
    _builtin(
        "v1", "PersistentVolume", "persistentvolumes", namespaced=False, short_names=("pv",), subresources=("status",)
    ),
    _builtin("v1", "PersistentVolumeClaim", "persistentvolumeclaims", short_names=("pvc",), subresources=("status",)),
    _builtin("v1", "Event", "events", short_names=("ev",), field_labels=_EVENT_FIELDS),
    _builtin(
        "apps/v1",
        "Deployment",
        "deployments",
        short_names=("deploy",),
        subresources=("status", "scale"),
        scale=ScalePaths(),
        counts_generations=True,
    ),
    _builtin("batch/v1", "Job", "jobs", subresources=("status",), counts_generations=True),
    _builtin("batch/v1", "CronJob", "cronjobs", short_names=("cj",), subresources=("status",), counts_generations=True),
    _builtin("coordination.k8s.io/v1", "Lease", "leases", unconditional_update=False, create_on_update=True),
    _builtin(_RBAC, "Role", "roles"),
    _builtin(_RBAC, "RoleBinding", "rolebindings"),
    _builtin(_RBAC, "ClusterRole", "clusterroles", namespaced=False),
    _builtin(_RBAC, "ClusterRoleBinding", "clusterrolebindings", namespaced=False),
    _builtin(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        namespaced=False,
        short_names=("crd",),
        subresources=("status",),
        counts_generations=True,
        unconditional_update=False,
    ),
)


class ResourceRegistry:
    """The kinds served now: the built-in ones and those of the custom resource definitions."""

    def __init__(self, resources: Iterable[ResourceType] = BUILTIN_RESOURCES) -> None:
        self._by_path: dict[tuple[str, str, str], ResourceType] = {}
        for resource in resources:
            self.add(resource)

    def __iter__(self) -> Iterator[ResourceType]:
        return iter(tuple(self._by_path.values()))

    def add(self, resource: ResourceType) -> None:
        """Serve `resource`, in place of what had its path."""
        self._by_path[(resource.group, resource.version, resource.plural)] = resource

    def remove_definition(self, definition: str) -> None:
        """Serve the kinds of this custom resource definition no more."""
        self._by_path = {path: each for path, each in self._by_path.items() if each.definition != definition}

    def find(self, group: str, version: str, plural: str) -> ResourceType | None:
        """Return the kind served under a path, or None."""
        return self._by_path.get((group, version, plural))

    def find_kind(self, api_version: str, kind: str) -> ResourceType | None:
        """Return the kind that an object's `apiVersion` and `kind` name, or None."""
        return next((each for each in self if (each.api_version, each.kind) == (api_version, kind)), None)
