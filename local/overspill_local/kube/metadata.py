"""What names, labels, annotations and finalizers may look like (RFC 1123, apimachinery validation).

Pure, and only the form: whether a name is taken is the store's to say.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from overspill_local.kube.errors import FieldError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from overspill_local.kube.resources import ResourceType

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_QUALIFIED_NAME = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = rf"({_QUALIFIED_NAME})?"
_MAX_SUBDOMAIN = 253
_MAX_LABEL = 63

_LABEL_NAMED = frozenset({"Namespace", "Service"})
_GENERATED_SUFFIX = 5
_PATH_NAMED = frozenset({"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"})


def metadata_errors(resource: ResourceType, metadata: Mapping[str, Any]) -> Iterator[FieldError]:
    """Yield what is wrong with an object's metadata, in kube-apiserver's words."""
    yield from _name_errors(resource, metadata["name"])
    for key, value in metadata.get("labels", {}).items():
        yield from _key_errors("metadata.labels", key)
        if not _matches(_LABEL_VALUE, value, _MAX_LABEL):
            yield _invalid(
                "metadata.labels", value, f"a valid label must match '{_LABEL_VALUE}', 63 characters at most"
            )
    for key in metadata.get("annotations", {}):
        yield from _key_errors("metadata.annotations", key)
    for index, finalizer in enumerate(metadata.get("finalizers", [])):
        if "/" not in finalizer and finalizer not in {"orphan", "foregroundDeletion", "kubernetes"}:
            why = "name is neither a standard finalizer name nor is it fully qualified"
            yield _invalid(f"metadata.finalizers[{index}]", finalizer, why)


def wrongly_typed(metadata: Mapping[str, Any]) -> str | None:
    """Return the metadata field that holds a non-string where only strings may be, or None."""
    for field in ("labels", "annotations"):
        if any(not isinstance(value, str) for value in (metadata.get(field) or {}).values()):
            return f"metadata.{field}"
    return None


def generated_name(prefix: str, suffix: str) -> str:
    """Return a name for `generateName`, cut so that it stays a DNS label.

    >>> generated_name("burst-", "x7k2q")
    'burst-x7k2q'
    """
    return prefix[: _MAX_LABEL - _GENERATED_SUFFIX] + suffix


def _name_errors(resource: ResourceType, name: str) -> Iterator[FieldError]:
    if resource.kind in _PATH_NAMED:
        if name in {".", ".."} or "/" in name or "%" in name:
            yield _invalid("metadata.name", name, "may not be '.' or '..', nor contain '/' or '%'")
    elif resource.kind in _LABEL_NAMED:
        if not _matches(_LABEL, name, _MAX_LABEL):
            yield _invalid(
                "metadata.name", name, f"a lowercase RFC 1123 label must match '{_LABEL}', 63 characters at most"
            )
    elif not _matches(_SUBDOMAIN, name, _MAX_SUBDOMAIN):
        yield _invalid("metadata.name", name, f"a lowercase RFC 1123 subdomain must match '{_SUBDOMAIN}'")


def _key_errors(field: str, key: str) -> Iterator[FieldError]:
    prefix, slash, name = key.rpartition("/")
    if not _matches(_QUALIFIED_NAME, name, _MAX_LABEL):
        yield _invalid(field, key, f"name part must match '{_QUALIFIED_NAME}', 63 characters at most")
    if slash and not _matches(_SUBDOMAIN, prefix, _MAX_SUBDOMAIN):
        yield _invalid(field, key, f"prefix part must be a lowercase RFC 1123 subdomain: '{_SUBDOMAIN}'")


def _matches(pattern: str, text: str, longest: int) -> bool:
    return len(text) <= longest and re.fullmatch(pattern, text) is not None


def _invalid(field: str, value: Any, why: str) -> FieldError:
    return FieldError(field, "FieldValueInvalid", f"Invalid value: {json.dumps(value)}: {why}")
