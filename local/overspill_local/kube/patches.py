"""The three patch formats: JSON merge patch (RFC 7396), JSON patch (RFC 6902), Kubernetes' strategic merge patch.

Pure: a document and a patch in, a new document out; neither is changed. Server-side apply is in `apply`.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from overspill_local.kube.listtypes import ListTypes


class PatchError(ValueError):
    """The patch does not fit the document: a path that is not there, a failed test, an unknown operation."""


def merge_patch(document: Any, patch: Any) -> Any:
    """Return `document` with `patch` merged in; null deletes, lists are replaced (RFC 7396)."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def json_patch(document: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """Return `document` with the operations applied in order (RFC 6902).

    Raises PatchError, and applies nothing, if one of them does not fit.
    """
    result = copy.deepcopy(document)
    for operation in operations:
        try:
            result = _apply_operation(result, operation)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise PatchError(
                f"JSON patch operation {dict(operation)!r} does not fit the document: {error!r}"
            ) from error
    return result


def _apply_operation(document: Any, operation: Mapping[str, Any]) -> Any:
    path = _pointer(operation["path"])
    match operation["op"]:
        case "add":
            return _add(document, path, copy.deepcopy(operation["value"]))
        case "remove":
            return _remove(document, path)
        case "replace":
            _resolve(document, path)
            return _add(_remove(document, path), path, copy.deepcopy(operation["value"]))
        case "move":
            moved = _resolve(document, _pointer(operation["from"]))
            return _add(_remove(document, _pointer(operation["from"])), path, moved)
        case "copy":
            return _add(document, path, copy.deepcopy(_resolve(document, _pointer(operation["from"]))))
        case "test":
            if _resolve(document, path) != operation["value"]:
                raise ValueError("the value differs")
            return document
        case unknown:
            raise ValueError(f"unknown operation {unknown!r}")


def _pointer(text: str) -> list[str]:
    """Return the reference tokens of a JSON pointer (RFC 6901)."""
    if text and not text.startswith("/"):
        raise ValueError(f"a JSON pointer starts with '/': {text!r}")
    return [token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:]]


def _index(container: list[Any], token: str, *, end: bool = False) -> int:
    if end and token == "-":
        return len(container)
    if not token.isdecimal() or int(token) > len(container) - (not end):
        raise IndexError(f"no list index {token!r}")
    return int(token)


def _resolve(document: Any, path: Sequence[str]) -> Any:
    for token in path:
        document = document[_index(document, token) if isinstance(document, list) else token]
    return document


def _add(document: Any, path: Sequence[str], value: Any) -> Any:
    if not path:
        return value
    parent = _resolve(document, path[:-1])
    if isinstance(parent, list):
        parent.insert(_index(parent, path[-1], end=True), value)
    else:
        parent[path[-1]] = value
    return document


def _remove(document: Any, path: Sequence[str]) -> Any:
    if not path:
        return None
    parent = _resolve(document, path[:-1])
    del parent[_index(parent, path[-1]) if isinstance(parent, list) else path[-1]]
    return document


def strategic_merge_patch(document: Any, patch: Any, lists: ListTypes) -> Any:
    """Return `document` with `patch` merged in as built-in kinds merge: keyed lists by key, sets as unions.

    Directives understood: `$patch: replace|delete`, `$deleteFromPrimitiveList/…` and `$retainKeys`; the order
    that `$setElementOrder/…` asks for is ignored.
    """
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    if patch.get("$patch") == "replace":
        return _without_directives(patch)
    result = dict(document) if isinstance(document, dict) else {}
    if "$retainKeys" in patch:
        result = {name: value for name, value in result.items() if name in patch["$retainKeys"]}
    for name, value in patch.items():
        if name.startswith("$deleteFromPrimitiveList/"):
            field = name.partition("/")[2]
            result[field] = [item for item in result.get(field, []) if item not in value]
        elif not name.startswith("$"):
            _merge_member(result, name, value, lists)
    return result


def _merge_member(result: dict[str, Any], name: str, value: Any, lists: ListTypes) -> None:
    if value is None or (isinstance(value, dict) and value.get("$patch") == "delete"):
        result.pop(name, None)
    elif isinstance(value, list):
        current = result.get(name)
        result[name] = _merge_list(name, current if isinstance(current, list) else [], value, lists)
    else:
        result[name] = strategic_merge_patch(result.get(name), value, lists)


def _merge_list(name: str, current: list[Any], patch: list[Any], lists: ListTypes) -> list[Any]:
    if name in lists.sets:
        return current + [item for item in patch if item not in current]
    items = [item for item in patch if item != {"$patch": "replace"}]
    key = lists.key_for(name, current, items) if len(items) == len(patch) else None
    if key is None:
        return copy.deepcopy(items)
    merged = {item[key]: item for item in current}
    for item in items:
        if item.get("$patch") == "delete":
            merged.pop(item[key], None)
        else:
            merged[item[key]] = strategic_merge_patch(merged.get(item[key]), item, lists)
    return list(merged.values())


def _without_directives(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_directives(each) for name, each in value.items() if not name.startswith("$")}
    if isinstance(value, list):
        return [_without_directives(item) for item in value]
    return value
