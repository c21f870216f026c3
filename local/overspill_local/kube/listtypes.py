"""How lists merge: which fields hold lists keyed by a member, which hold sets, which are replaced as a whole.

Pure, and only the rules: patching with them is in `patches`, owning with them in `fieldsets`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class ListTypes:
    """The `x-kubernetes-list-type` of fields, by field name. A field named in neither is atomic.

    `keys` gives the member names that may identify an item, the first that all items have being used.
    """

    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sets: frozenset[str] = frozenset()

    def has_items_of_their_own(self, name: str) -> bool:
        """Whether the items of field `name` are owned one by one, so that an empty list owns nothing."""
        return name in self.keys or name in self.sets

    def key_for(self, name: str, *lists: Sequence[Any]) -> str | None:
        """Return the member that identifies the items of field `name`, or None if its lists are atomic."""
        items = [item for items in lists for item in items]
        if not items or not all(isinstance(item, dict) for item in items):
            return None
        return next((key for key in self.keys.get(name, ()) if all(key in item for item in items)), None)


_METADATA_KEYS = {"ownerReferences": ("uid",)}

BUILTIN_LISTS = ListTypes(
    keys={
        **_METADATA_KEYS,
        "conditions": ("type",),
        "containers": ("name",),
        "env": ("name",),
        "hostAliases": ("ip",),
        "imagePullSecrets": ("name",),
        "initContainers": ("name",),
        "ports": ("containerPort", "port"),
        "secrets": ("name",),
        "volumeMounts": ("mountPath",),
        "volumes": ("name",),
    },
    sets=frozenset({"finalizers"}),
)
"""The patch merge keys of the Kubernetes API reference, for the kinds served here."""

CUSTOM_LISTS = ListTypes(keys=_METADATA_KEYS, sets=frozenset({"finalizers"}))
"""Custom resources: lists are atomic, as in the MiniCluster's schema; `x-kubernetes-list-map-keys` is ignored."""
