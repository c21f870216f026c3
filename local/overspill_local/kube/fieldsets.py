"""Sets of field paths, which server-side apply reasons with, and their FieldsV1 form (`managedFields`).

Pure. A path is a tuple of FieldsV1 segments: `f:NAME` for a member, `k:{"name":"web"}` for an item of a keyed
list, `v:"x"` for an item of a set. Who owns which path is in `ownership`.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from overspill_local.kube.listtypes import ListTypes

Path: TypeAlias = tuple[str, ...]
FieldsV1: TypeAlias = dict[str, Any]

_SELF = "."


def field_paths(value: Any, lists: ListTypes) -> frozenset[Path]:
    """Return the path of each leaf of `value`, and of each list item that has an identity of its own.

    Scalars, empty objects and lists without keys are leaves.
    """
    return frozenset(_walk(value, (), "", lists))


def _walk(value: Any, path: Path, name: str, lists: ListTypes) -> Iterator[Path]:
    if isinstance(value, dict) and value:
        for member, each in value.items():
            yield from _walk(each, (*path, f"f:{member}"), member, lists)
    elif isinstance(value, list) and value and name in lists.sets:
        yield from ((*path, f"v:{json.dumps(item)}") for item in value)
    elif isinstance(value, list) and (key := lists.key_for(name, value)):
        for item in value:
            segment = "k:" + json.dumps({key: item[key]}, separators=(",", ":"))
            yield (*path, segment)
            yield from _walk(item, (*path, segment), "", lists)
    elif path and not (value == [] and lists.has_items_of_their_own(name)):
        yield path


def is_item(path: Path) -> bool:
    """Whether the path names a list item as such: owning it means that it exists, not what is in it."""
    return not path[-1].startswith("f:")


def with_ancestors(paths: Iterable[Path]) -> frozenset[Path]:
    """Return the paths and everything that they stand in."""
    return frozenset(path[:length] for path in paths for length in range(1, len(path) + 1))


def with_fields_around(paths: Iterable[Path]) -> frozenset[Path]:
    """Return the paths and the fields that they stand in; an item of a list is there only if it is named itself."""
    paths = frozenset(paths)
    return paths | {path for path in with_ancestors(paths) if not is_item(path)}


def value_at(value: Any, path: Path) -> Any:
    """Return what stands at `path`, or None."""
    for segment in path:
        value = _step(value, segment)
    return value


def _step(value: Any, segment: str) -> Any:
    kind, rest = segment[:2], segment[2:]
    if kind == "f:":
        return value.get(rest) if isinstance(value, dict) else None
    wanted = json.loads(rest)
    return next((item for item in value or () if _identifies(kind, wanted, item)), None)


def _identifies(kind: str, wanted: Any, item: Any) -> bool:
    if kind == "v:":
        return bool(item == wanted)
    return isinstance(item, dict) and wanted.items() <= item.items()


def without(value: Any, paths: Iterable[Path]) -> Any:
    """Return `value` without what stands at the paths; paths that lead nowhere are ignored."""
    result = copy.deepcopy(value)
    for path in sorted(paths, key=len):
        parent = value_at(result, path[:-1])
        kind, rest = path[-1][:2], path[-1][2:]
        if isinstance(parent, dict) and kind == "f:":
            parent.pop(rest, None)
        elif isinstance(parent, list) and kind != "f:":
            parent[:] = [item for item in parent if not _identifies(kind, json.loads(rest), item)]
    return result


def to_fields_v1(paths: Iterable[Path]) -> FieldsV1:
    """Return the paths as `fieldsV1` of a `managedFields` entry."""
    root: FieldsV1 = {}
    nodes = [(_node(root, path)) for path in sorted(paths)]
    for node in nodes:
        if node:
            node[_SELF] = {}
    return root


def _node(root: FieldsV1, path: Path) -> FieldsV1:
    for segment in path:
        root = root.setdefault(segment, {})
    return root


def from_fields_v1(fields: Mapping[str, Any]) -> frozenset[Path]:
    """Return the paths that a `fieldsV1` holds."""
    return frozenset(_members(fields, ()))


def _members(fields: Mapping[str, Any], path: Path) -> Iterator[Path]:
    for segment, children in fields.items():
        if segment == _SELF:
            yield path
        elif children:
            yield from _members(children, (*path, segment))
        else:
            yield (*path, segment)
