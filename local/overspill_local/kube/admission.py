"""What becomes of an object before it is stored: validation, defaults, and what a writer may not set.

Pure: the object (and what was there before) in, the object to store out, or ApiError. Custom resources follow
their schema, built-in kinds the few rules in `builtin_rules`. There are no webhooks, no CEL, no quotas, no RBAC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from overspill_local.kube import schema
from overspill_local.kube.builtin_rules import decode_builtin, validate_builtin
from overspill_local.kube.errors import FieldError, invalid, undecodable, untyped
from overspill_local.kube.metadata import metadata_errors, wrongly_typed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from overspill_local.kube.resources import KubeObject, ResourceType

_ENVELOPE = frozenset({"apiVersion", "kind", "metadata"})


def admit(resource: ResourceType, obj: KubeObject, before: KubeObject | None) -> KubeObject:
    """Return `obj` as it is to be stored; `before` is what it replaces, None on create.

    Raises ApiError 400 for what cannot be decoded, 422 naming every field that is wrong.
    """
    if field := wrongly_typed(obj["metadata"]):
        raise undecodable(resource, f"json: cannot unmarshal a non-string into {field} of type string")
    if resource.schema is None:
        obj = decode_builtin(resource, obj)
        errors = list(validate_builtin(resource, obj, before))
    else:
        obj, errors = _conform(resource.schema, obj)
    errors = [*metadata_errors(resource, obj["metadata"]), *errors, *_finalizer_errors(obj, before)]
    if errors:
        raise invalid(resource, obj["metadata"]["name"], errors)
    return obj


def _conform(declared: schema.Schema, obj: KubeObject) -> tuple[KubeObject, list[FieldError]]:
    envelope = {key: value for key, value in obj.items() if key in _ENVELOPE}
    body, errors = schema.conform(declared, _body(obj))
    return envelope | body, [error for error in errors if error.field not in _ENVELOPE]


def _body(obj: KubeObject) -> KubeObject:
    return {key: value for key, value in obj.items() if key not in _ENVELOPE}


def refuse_unknown_fields(resource: ResourceType, obj: KubeObject) -> None:
    """Raise ApiError 400 naming the fields that a custom resource's schema does not declare (strict validation)."""
    if resource.schema and (unknown := list(schema.undeclared_fields(resource.schema, _body(obj)))):
        listed = ", ".join(f'unknown field "{field}"' for field in unknown)
        raise undecodable(resource, f"strict decoding error: {listed}")


def refuse_untyped(resource: ResourceType, obj: KubeObject) -> None:
    """Raise ApiError 500, as kube-apiserver does, if server-side apply cannot type a custom resource by its schema."""
    if resource.schema is None:
        return
    body = _body(obj)
    problems = [f".{field}: field not declared in schema" for field in schema.undeclared_fields(resource.schema, body)]
    problems += [
        f".{error.field}: {error.message}"
        for error in schema.validate(resource.schema, body)
        if error.reason == "FieldValueTypeInvalid"
    ]
    if problems:
        metadata = obj["metadata"]
        raise untyped(resource, f"{metadata.get('namespace', '')}/{metadata['name']}", "; ".join(problems))


def _finalizer_errors(obj: KubeObject, before: KubeObject | None) -> Iterator[FieldError]:
    if before is None or not before["metadata"].get("deletionTimestamp"):
        return
    added = set(obj["metadata"].get("finalizers") or ()) - set(before["metadata"].get("finalizers") or ())
    if added:
        why = f"Forbidden: no new finalizers can be added if the object is being deleted, found {sorted(added)}"
        yield FieldError("metadata.finalizers", "FieldValueForbidden", why)
