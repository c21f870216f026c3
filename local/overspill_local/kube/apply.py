"""Server-side apply: an object, a configuration and who owns what in; the merged object or a conflict out.

Pure. Kubernetes documentation, "Server-Side Apply"; the merge itself follows structured-merge-diff.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from overspill_local.kube.fieldsets import (
    Path,
    field_paths,
    is_item,
    value_at,
    with_ancestors,
    with_fields_around,
    without,
)
from overspill_local.kube.ownership import (
    Manager,
    Ownership,
    Stamp,
    claim_fields,
    disown,
    owned_part,
    read_ownership,
    write_ownership,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_local.kube.listtypes import ListTypes

_IDENTITY = frozenset({"name", "namespace", "resourceVersion", "uid"})


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field that the configuration wants to change, but that another manager owns."""

    manager: Manager
    api_version: str
    path: Path

    @property
    def field(self) -> str:
        """Return the field's path as Kubernetes prints it: `.spec.containers[name="main"].image`."""
        return "".join(_printed(segment) for segment in self.path)

    @property
    def owner(self) -> str:
        """Return the manager as Kubernetes describes it."""
        subresource = f' with subresource "{self.manager.subresource}"' if self.manager.subresource else ""
        version = f" using {self.api_version}" if self.manager.operation == "Update" else ""
        return f'"{self.manager.name}"{subresource}{version}'


def _printed(segment: str) -> str:
    kind, rest = segment[:2], segment[2:]
    if kind == "f:":
        return f".{rest}"
    if kind == "v:":
        return f"[={rest}]"
    return "".join(f"[{name}={json.dumps(value)}]" for name, value in json.loads(rest).items())


class ApplyConflictError(Exception):
    """Others own fields that the configuration would change; `force` takes them over."""

    def __init__(self, conflicts: list[FieldConflict]) -> None:
        self.conflicts = conflicts
        count = len(conflicts)
        super().__init__(f"Apply failed with {count} conflict{'s' if count > 1 else ''}: {_listed(conflicts)}")


def _listed(conflicts: list[FieldConflict]) -> str:
    if len(conflicts) == 1:
        return f"conflict with {conflicts[0].owner}: {conflicts[0].field}"
    lines = []
    for owner in sorted({each.owner for each in conflicts}):
        lines.append(f"conflicts with {owner}:")
        lines += [f"- {each.field}" for each in conflicts if each.owner == owner]
    return "\n".join(lines)


def apply_configuration(
    current: Mapping[str, Any] | None,
    configuration: Mapping[str, Any],
    manager: Manager,
    stamp: Stamp,
    lists: ListTypes,
    *,
    force: bool,
) -> dict[str, Any]:
    """Return the object with the configuration applied and `metadata.managedFields` brought up to date.

    Fields that this manager applied before and now leaves out go, unless somebody else owns them too.
    Raises ApplyConflictError where others own what would change, unless `force`.
    """
    live = current or {}
    wanted = owned_part(configuration, manager.subresource)
    mine = field_paths(wanted, lists)
    ownership = read_ownership(live)
    conflicts = _conflicts(live, wanted, mine, ownership, manager)
    if conflicts and not force:
        raise ApplyConflictError(conflicts)
    disown(ownership, frozenset(each.path for each in conflicts), keep=manager)
    dropped = _dropped(ownership, manager, mine)
    claim_fields(ownership, manager, mine, stamp)
    merged: dict[str, Any] = _overlay(without(live, dropped), {**_identity(configuration), **wanted}, lists)
    # What it says of the object's identity is compared with the object, whatever else it says of the metadata.
    merged["metadata"] |= _identity(configuration)["metadata"]
    merged["metadata"]["managedFields"] = write_ownership(ownership)
    return merged


def _identity(configuration: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in configuration["metadata"].items() if key in _IDENTITY}
    return {"apiVersion": configuration["apiVersion"], "kind": configuration["kind"], "metadata": metadata}


def _conflicts(
    live: Mapping[str, Any],
    wanted: Mapping[str, Any],
    mine: frozenset[Path],
    ownership: Ownership,
    manager: Manager,
) -> list[FieldConflict]:
    """Return the fields of others that could not stay what they are, in order."""
    clashing = frozenset(
        path
        for path in with_ancestors(mine)
        if not is_item(path) and _clashes(value_at(live, path), value_at(wanted, path), is_leaf=path in mine)
    )
    return [
        FieldConflict(other, claim.stamp.api_version, path)
        for other, claim in ownership.items()
        if other != manager
        for path in sorted(claim.paths)
        if with_ancestors([path]) & clashing
    ]


def _clashes(live: Any, wanted: Any, *, is_leaf: bool) -> bool:
    """Whether a field cannot hold both values; tables merge by member, and lists that are no leaf by item."""
    if isinstance(live, dict) and isinstance(wanted, dict):
        return False
    merges_by_item = isinstance(live, list) and isinstance(wanted, list) and not is_leaf
    return bool(live != wanted) and not merges_by_item


def _dropped(ownership: Ownership, manager: Manager, mine: frozenset[Path]) -> frozenset[Path]:
    """Return what this manager applied before, leaves out now, and nobody else owns.

    The field that one stands in goes with it, unless it holds something that is still owned: values that the
    server filled in beside it are nobody's. An item of a list goes with all that is in it, unless it is owned itself.
    """
    if manager not in ownership:
        return frozenset()
    others = (claim.paths for other, claim in ownership.items() if other != manager)
    kept = with_fields_around(mine.union(*others))
    return with_fields_around(ownership[manager].paths) - kept


def _overlay(base: Any, configuration: Any, lists: ListTypes, name: str = "") -> Any:
    """Return `base` with the configuration laid over it; keyed lists and sets merge by item."""
    if isinstance(configuration, dict):
        result = dict(base) if isinstance(base, dict) else {}
        for member, value in configuration.items():
            result[member] = _overlay(result.get(member), value, lists, member)
        return result
    if isinstance(configuration, list) and isinstance(base, list):
        if name in lists.sets:
            return base + [item for item in configuration if item not in base]
        if configuration and (key := lists.key_for(name, base, configuration)):
            items = {item[key]: item for item in base}
            for item in configuration:
                items[item[key]] = _overlay(items.get(item[key]), item, lists)
            return list(items.values())
    return copy.deepcopy(configuration)
