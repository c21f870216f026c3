"""Who owns which fields of an object: `metadata.managedFields`, read, written and kept up to date.

Pure. What server-side apply makes of the ownership is in `apply`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from overspill_local.kube.fieldsets import Path, field_paths, from_fields_v1, to_fields_v1, value_at, with_ancestors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_local.kube.listtypes import ListTypes

Operation: TypeAlias = Literal["Apply", "Update"]


@dataclass(frozen=True, slots=True)
class Manager:
    """Who writes, how, and through which subresource (empty for the object itself)."""

    name: str
    operation: Operation = "Update"
    subresource: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What an entry says beside its fields: the version written in, and when it last changed (RFC 3339)."""

    api_version: str
    time: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The fields that one manager owns."""

    paths: frozenset[Path]
    stamp: Stamp


Ownership: TypeAlias = dict[Manager, Claim]

_OWNED_METADATA = ("annotations", "finalizers", "labels", "ownerReferences")


def owned_part(obj: Mapping[str, Any], subresource: str = "") -> dict[str, Any]:
    """Return what of an object a writer may own: the status through its subresource, else all but the status."""
    if subresource == "status":
        return {"status": obj["status"]} if "status" in obj else {}
    part = {key: value for key, value in obj.items() if key not in {"apiVersion", "kind", "metadata", "status"}}
    metadata = {key: value for key, value in obj.get("metadata", {}).items() if key in _OWNED_METADATA}
    return {"metadata": metadata, **part} if metadata else part


def read_ownership(obj: Mapping[str, Any]) -> Ownership:
    """Return the ownership that an object's `managedFields` record."""
    return {
        Manager(entry["manager"], entry["operation"], entry.get("subresource", "")): Claim(
            from_fields_v1(entry.get("fieldsV1", {})),
            Stamp(api_version=entry["apiVersion"], time=entry.get("time", "")),
        )
        for entry in obj.get("metadata", {}).get("managedFields") or ()
    }


def write_ownership(ownership: Ownership) -> list[dict[str, Any]]:
    """Return `managedFields`; a manager that owns nothing is left out."""
    return [_entry(manager, claim) for manager, claim in ownership.items() if claim.paths]


def _entry(manager: Manager, claim: Claim) -> dict[str, Any]:
    entry = {
        "manager": manager.name,
        "operation": manager.operation,
        "apiVersion": claim.stamp.api_version,
        "time": claim.stamp.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": to_fields_v1(claim.paths),
    }
    return entry | ({"subresource": manager.subresource} if manager.subresource else {})


def claim_fields(ownership: Ownership, manager: Manager, paths: frozenset[Path], stamp: Stamp) -> None:
    """Record that `manager` owns exactly `paths`; its entry keeps its stamp if that says nothing new."""
    current = ownership.get(manager)
    if current is None or current.paths != paths:
        ownership[manager] = Claim(paths, stamp)


def disown(ownership: Ownership, paths: frozenset[Path], *, keep: Manager) -> None:
    """Take `paths` from every manager but `keep`."""
    for manager, claim in ownership.items():
        if manager != keep and claim.paths & paths:
            ownership[manager] = replace(claim, paths=claim.paths - paths)


def ownership_after_update(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    manager: Manager,
    stamp: Stamp,
    lists: ListTypes,
) -> Ownership:
    """Return who owns what after a write that was no apply: what changed belongs to its writer alone."""
    old, new = owned_part(before, manager.subresource), owned_part(after, manager.subresource)
    old_paths, new_paths = field_paths(old, lists), field_paths(new, lists)
    changed = frozenset(path for path in new_paths if _differs(old, new, path))
    gone = with_ancestors(old_paths) - with_ancestors(new_paths)
    ownership = read_ownership(before)
    disown(ownership, changed | gone, keep=manager)
    mine = ownership[manager].paths - gone if manager in ownership else frozenset()
    claim_fields(ownership, manager, mine | changed, stamp)
    return ownership


def _differs(old: Any, new: Any, path: Path) -> bool:
    before, after = value_at(old, path), value_at(new, path)
    if path[-1].startswith("k:"):
        return before is None
    return bool(before != after)
