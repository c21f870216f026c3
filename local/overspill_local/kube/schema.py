"""Structural schemas of custom resources: prune, default, validate (apiextensions.k8s.io/v1).

Pure: a schema and a value in, a new value or a list of errors out. Understood are type, properties, required,
items, additionalProperties, enum, pattern, the bounds of numbers, strings and lists, int32 and date-time formats,
nullable, default, `x-kubernetes-int-or-string` and `x-kubernetes-preserve-unknown-fields`. Not understood, hence
not enforced: anyOf, oneOf, allOf, not, and CEL rules. `apiVersion`, `kind` and `metadata` are the caller's.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from overspill_local.kube.errors import FieldError

Schema: TypeAlias = Mapping[str, Any]

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}
_OPEN: Schema = {"x-kubernetes-preserve-unknown-fields": True}
_INTEGER_BITS = {"int32": 32, "int64": 64}


def conform(schema: Schema, value: Any) -> tuple[Any, list[FieldError]]:
    """Return what a server would store for `value`, and what is wrong with it; order as in apiextensions."""
    stored = with_defaults(schema, prune(schema, value))
    return stored, list(validate(schema, stored))


def prune(schema: Schema, value: Any) -> Any:
    """Return `value` without the fields that the schema does not declare."""
    if not _fits(schema, value):
        return value
    if isinstance(value, list):
        return [prune(_items(schema), item) for item in value]
    return {name: prune(member, value[name]) for name, member in _declared(schema, value)}


def _declared(schema: Schema, value: Mapping[str, Any]) -> Iterator[tuple[str, Schema]]:
    """Yield the members of an object that its schema knows, each with its own schema."""
    properties = schema.get("properties", {})
    extra = schema.get("additionalProperties")
    for name in value:
        if name in properties:
            yield name, properties[name]
        elif isinstance(extra, dict):
            yield name, extra
        elif extra or schema.get("x-kubernetes-preserve-unknown-fields"):
            yield name, _OPEN


def _items(schema: Schema) -> Schema:
    items: Schema = schema.get("items", _OPEN)
    return items


def _fits(schema: Schema, value: Any) -> bool:
    """Whether `value` is a list or object where the schema wants one, so that there is something to descend into."""
    kind = "array" if isinstance(value, list) else "object" if isinstance(value, dict) else None
    return kind is not None and schema.get("type", kind) == kind


def undeclared_fields(schema: Schema, value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of each field that `prune` would drop: `spec.containers[0].imagee`."""
    if not _fits(schema, value):
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from undeclared_fields(_items(schema), item, f"{path}[{index}]")
    else:
        declared = dict(_declared(schema, value))
        for name, member in value.items():
            if name in declared:
                yield from undeclared_fields(declared[name], member, _join(path, name))
            else:
                yield _join(path, name)


def with_defaults(schema: Schema, value: Any) -> Any:
    """Return `value` with defaults filled in; a null where none is allowed gives way to the default, or goes."""
    if not _fits(schema, value):
        return value
    if isinstance(value, list):
        return [with_defaults(_items(schema), item) for item in value]
    properties = schema.get("properties", {})
    result = {}
    for name, member in _declared(schema, value):
        if value[name] is not None or member.get("nullable") or member is _OPEN:
            result[name] = with_defaults(member, value[name])
    for name, member in properties.items():
        if name not in result and "default" in member:
            result[name] = with_defaults(member, copy.deepcopy(member["default"]))
    return result


def validate(schema: Schema, value: Any, path: str = "") -> Iterator[FieldError]:
    """Yield what is wrong with `value`, in kube-apiserver's words."""
    if value is None and schema.get("nullable"):
        return
    if mismatch := _type_error(schema, value, path):
        yield mismatch
        return
    if "enum" in schema and value not in schema["enum"]:
        supported = ", ".join(json.dumps(each) for each in schema["enum"])
        message = f"Unsupported value: {json.dumps(value)}: supported values: {supported}"
        yield FieldError(path, "FieldValueNotSupported", message)
    match value:
        case bool():
            return
        case str():
            yield from _string_errors(schema, value, path)
        case int() | float():
            yield from _number_errors(schema, value, path)
        case list():
            yield from _size_errors(schema, value, path, "Items")
            for index, item in enumerate(value):
                yield from validate(_items(schema), item, f"{path}[{index}]")
        case dict():
            yield from _object_errors(schema, value, path)


def _type_error(schema: Schema, value: Any, path: str) -> FieldError | None:
    expected = "integer,string" if schema.get("x-kubernetes-int-or-string") else schema.get("type")
    if not expected or any(_is_a(value, name) for name in expected.split(",")):
        return None
    got = json_type(value)
    message = f'Invalid value: "{got}": {path} in body must be of type {expected}: "{got}"'
    return FieldError(path, "FieldValueTypeInvalid", message)


def _is_a(value: Any, type_name: str) -> bool:
    if isinstance(value, bool):
        return type_name == "boolean"
    if isinstance(value, float) and type_name == "integer":
        return value.is_integer()
    return isinstance(value, _TYPES[type_name])


def json_type(value: Any) -> str:
    """Return JSON's name for the type of `value`."""
    if value is None:
        return "null"
    return next(name for name in ("boolean", *_TYPES) if _is_a(value, name))


def _object_errors(schema: Schema, value: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    for name in schema.get("required", ()):
        if name not in value:
            yield FieldError(_join(path, name), "FieldValueRequired", "Required value")
    for name, member in _declared(schema, value):
        yield from validate(member, value[name], _join(path, name))


def _string_errors(schema: Schema, value: str, path: str) -> Iterator[FieldError]:
    yield from _size_errors(schema, value, path, "Length")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield _invalid(path, value, f"{path} in body should match '{schema['pattern']}'")
    if schema.get("format") == "date-time" and not _is_date_time(value):
        yield _invalid(path, value, f"{path} in body must be of type date-time: {json.dumps(value)}")


def _is_date_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _number_errors(schema: Schema, value: float, path: str) -> Iterator[FieldError]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and (value < low or (schema.get("exclusiveMinimum") and value == low)):
        yield _invalid(path, value, f"{path} in body should be greater than or equal to {low}")
    if high is not None and (value > high or (schema.get("exclusiveMaximum") and value == high)):
        yield _invalid(path, value, f"{path} in body should be less than or equal to {high}")
    if bits := _INTEGER_BITS.get(schema.get("format", "")):
        limit = 2 ** (bits - 1)
        if value >= limit:
            yield _invalid(path, value, f"should be less than or equal to {limit - 1}")
        if value < -limit:
            yield _invalid(path, value, f"should be greater than or equal to {-limit}")


def _size_errors(schema: Schema, value: str | list[Any], path: str, noun: str) -> Iterator[FieldError]:
    low, high = schema.get(f"min{noun}", 0), schema.get(f"max{noun}")
    unit = "chars long" if noun == "Length" else "items"
    if len(value) < low:
        yield _invalid(path, value, f"{path} in body should be at least {low} {unit}")
    if high is not None and len(value) > high:
        yield _invalid(path, value, f"{path} in body should be at most {high} {unit}")


def _invalid(path: str, value: Any, why: str) -> FieldError:
    return FieldError(path, "FieldValueInvalid", f"Invalid value: {json.dumps(value)}: {why}")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
