"""The rules that built-in kinds follow here: decoding, defaults and validation that production code trips over.

Pure. Everything else of a built-in kind is stored as it comes; a kind without a rule is not checked at all.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from overspill_local.kube.definitions import definition_errors
from overspill_local.kube.errors import FieldError, undecodable
from overspill_local.kube.resources import KubeObject, ResourceType

_MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)")
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+")


def decode_builtin(resource: ResourceType, obj: KubeObject) -> KubeObject:
    """Return a built-in object with defaults filled in; raises ApiError 400 for what cannot be decoded."""
    decode = _DECODERS.get(resource.kind)
    return decode(resource, obj) if decode else obj


def validate_builtin(resource: ResourceType, obj: KubeObject, before: KubeObject | None) -> Iterator[FieldError]:
    """Yield what is wrong with a decoded built-in object."""
    validator = _VALIDATORS.get(resource.kind)
    return validator(obj, before) if validator else iter(())


def _decode_namespace(_resource: ResourceType, obj: KubeObject) -> KubeObject:
    labels = (obj["metadata"].get("labels") or {}) | {"kubernetes.io/metadata.name": obj["metadata"]["name"]}
    defaults = {"spec": {"finalizers": ["kubernetes"]}, "status": obj.get("status") or {"phase": "Active"}}
    return obj | {"metadata": obj["metadata"] | {"labels": labels}} | defaults


def _decode_secret(resource: ResourceType, obj: KubeObject) -> KubeObject:
    plain = _string_values(resource, obj, "stringData")
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
    data = _string_values(resource, obj, "data") | encoded
    for value in data.values():
        try:
            base64.b64decode(value, validate=True)
        except binascii.Error as error:
            raise undecodable(resource, "illegal base64 data") from error
    stored = {key: value for key, value in obj.items() if key not in {"data", "stringData"}}
    return stored | {"type": obj.get("type", "Opaque")} | ({"data": data} if data else {})


def _decode_config_map(resource: ResourceType, obj: KubeObject) -> KubeObject:
    _string_values(resource, obj, "data")
    return obj


def _string_values(resource: ResourceType, obj: KubeObject, field: str) -> dict[str, str]:
    values: dict[str, str] = obj.get(field) or {}
    if any(not isinstance(value, str) for value in values.values()):
        where = f"Go struct field {resource.kind}.{field} of type string"
        raise undecodable(resource, f"json: cannot unmarshal a non-string into {where}")
    return values


def _decode_service(_resource: ResourceType, obj: KubeObject) -> KubeObject:
    spec = {"type": "ClusterIP"} | (obj.get("spec") or {})
    if spec["type"] != "ExternalName":
        address = spec.get("clusterIP") or _cluster_ip(obj["metadata"])
        spec |= {"clusterIP": address, "clusterIPs": [address]}
    return obj | {"spec": spec, "status": obj.get("status") or {"loadBalancer": {}}}


def _cluster_ip(metadata: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(f"{metadata['namespace']}/{metadata['name']}".encode()).digest()
    return f"10.96.{digest[0]}.{digest[1]}"


def _decode_pod(_resource: ResourceType, obj: KubeObject) -> KubeObject:
    return obj | {"status": obj.get("status") or {"phase": "Pending"}}


def _decode_workload(_resource: ResourceType, obj: KubeObject) -> KubeObject:
    return obj | {"status": obj.get("status") or {}}


def _decode_deployment(_resource: ResourceType, obj: KubeObject) -> KubeObject:
    return obj | {"spec": {"replicas": 1} | (obj.get("spec") or {}), "status": obj.get("status") or {}}


def _decode_lease(resource: ResourceType, obj: KubeObject) -> KubeObject:
    spec = {key: value for key, value in (obj.get("spec") or {}).items() if value is not None}
    times = {key: _micro_time(resource, spec[key]) for key in ("acquireTime", "renewTime") if key in spec}
    return obj | {"spec": spec | times}


def _micro_time(resource: ResourceType, text: Any) -> str:
    """Return a MicroTime in UTC. Six digits after the second are a must, and `isoformat()` may leave them out."""
    if not isinstance(text, str) or not _MICRO_TIME.fullmatch(text):
        raise undecodable(resource, f'parsing time "{text}" as "2006-01-02T15:04:05.000000Z07:00"')
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _key_value_errors(obj: KubeObject, before: KubeObject | None) -> Iterator[FieldError]:
    for key in obj.get("data") or {}:
        if not _CONFIG_KEY.fullmatch(key):
            why = f"a valid config key must match '{_CONFIG_KEY.pattern}'"
            yield FieldError(f"data[{key}]", "FieldValueInvalid", f"Invalid value: {json.dumps(key)}: {why}")
    if before and before.get("immutable") and obj.get("data") != before.get("data"):
        why = "Forbidden: field is immutable when `immutable` is set"
        yield FieldError("data", "FieldValueForbidden", why)


def _deployment_errors(obj: KubeObject, _before: KubeObject | None) -> Iterator[FieldError]:
    selected = (obj["spec"].get("selector") or {}).get("matchLabels") or {}
    labels = obj["spec"].get("template", {}).get("metadata", {}).get("labels") or {}
    if not selected:
        yield FieldError("spec.selector", "FieldValueRequired", "Required value")
    elif not selected.items() <= labels.items():
        why = f"Invalid value: {json.dumps(labels)}: `selector` does not match template `labels`"
        yield FieldError("spec.template.metadata.labels", "FieldValueInvalid", why)


def _lease_errors(obj: KubeObject, _before: KubeObject | None) -> Iterator[FieldError]:
    for name, lowest, why in (
        ("leaseDurationSeconds", 1, "must be greater than 0"),
        ("leaseTransitions", 0, "must be greater than or equal to 0"),
    ):
        value = obj["spec"].get(name, lowest)
        if value < lowest:
            yield FieldError(f"spec.{name}", "FieldValueInvalid", f"Invalid value: {value}: {why}")


_Decoder: TypeAlias = Callable[[ResourceType, KubeObject], KubeObject]
_Validator: TypeAlias = Callable[[KubeObject, KubeObject | None], Iterator[FieldError]]

_DECODERS: Mapping[str, _Decoder] = {
    "ConfigMap": _decode_config_map,
    "CronJob": _decode_workload,
    "Deployment": _decode_deployment,
    "Job": _decode_workload,
    "Lease": _decode_lease,
    "Namespace": _decode_namespace,
    "Pod": _decode_pod,
    "Secret": _decode_secret,
    "Service": _decode_service,
}

_VALIDATORS: Mapping[str, _Validator] = {
    "ConfigMap": _key_value_errors,
    "CustomResourceDefinition": definition_errors,
    "Deployment": _deployment_errors,
    "Lease": _lease_errors,
    "Secret": _key_value_errors,
}
