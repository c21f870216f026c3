"""Custom resource definitions: what kinds one declares, and what is wrong with it (apiextensions.k8s.io/v1).

Pure. A definition is established at once, and objects are served in the version that they were written in: there
is no conversion.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from overspill_local.kube.errors import FieldError
from overspill_local.kube.resources import KubeObject, ResourceType, ScalePaths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def declared_resources(definition: Mapping[str, Any]) -> tuple[ResourceType, ...]:
    """Return the kinds that a definition makes the API serve, one for each served version."""
    spec = definition["spec"]
    return tuple(
        _resource(definition["metadata"]["name"], spec, version) for version in spec["versions"] if version["served"]
    )


def _resource(definition: str, spec: Mapping[str, Any], version: Mapping[str, Any]) -> ResourceType:
    names, subresources = spec["names"], version.get("subresources", {})
    return ResourceType(
        group=spec["group"],
        version=version["name"],
        kind=names["kind"],
        plural=names["plural"],
        namespaced=spec["scope"] == "Namespaced",
        short_names=tuple(names.get("shortNames", ())),
        subresources=tuple(subresources),
        scale=_scale_paths(subresources["scale"]) if "scale" in subresources else None,
        definition=definition,
        schema=version["schema"]["openAPIV3Schema"],
        counts_generations=True,
        unconditional_update=False,
    )


def _scale_paths(scale: Mapping[str, str]) -> ScalePaths:
    return ScalePaths(
        replicas=_members(scale["specReplicasPath"]),
        status_replicas=_members(scale["statusReplicasPath"]),
        selector=_members(scale.get("labelSelectorPath", ".status.selector")),
    )


def _members(path: str) -> tuple[str, ...]:
    return tuple(path.strip(".").split("."))


def established(definition: KubeObject, before: KubeObject | None, now: str) -> KubeObject:
    """Return the definition with the status of one that is served: since `now` (RFC 3339), or since before."""
    spec = definition["spec"]
    since = before["status"]["conditions"][0]["lastTransitionTime"] if before else now
    condition = {"status": "True", "lastTransitionTime": since, "message": ""}
    conditions = [
        {"type": "NamesAccepted", "reason": "NoConflicts", **condition},
        {"type": "Established", "reason": "InitialNamesAccepted", **condition},
    ]
    stored = [version["name"] for version in spec["versions"] if version["storage"]]
    status = {"acceptedNames": spec["names"], "storedVersions": stored, "conditions": conditions}
    return definition | {"status": status}


def definition_errors(definition: KubeObject, _before: KubeObject | None) -> Iterator[FieldError]:
    """Yield what keeps a definition from being served."""
    spec = definition.get("spec") or {}
    missing = [key for key in ("group", "names", "scope", "versions") if not spec.get(key)]
    for key in missing:
        yield FieldError(f"spec.{key}", "FieldValueRequired", "Required value")
    if missing:
        return
    expected = f"{spec['names']['plural']}.{spec['group']}"
    if definition["metadata"]["name"] != expected:
        got = json.dumps(definition["metadata"]["name"])
        why = f'Invalid value: {got}: must be spec.names.plural+"."+spec.group'
        yield FieldError("metadata.name", "FieldValueInvalid", why)
    if sum(bool(version.get("storage")) for version in spec["versions"]) != 1:
        why = "Invalid value: must have exactly one version marked as storage version"
        yield FieldError("spec.versions", "FieldValueInvalid", why)
    for index, version in enumerate(spec["versions"]):
        root = f"spec.versions[{index}].schema.openAPIV3Schema"
        declared = (version.get("schema") or {}).get("openAPIV3Schema")
        if not declared:
            yield FieldError(root, "FieldValueRequired", "schemas are required")
        else:
            yield from _structural_errors(declared, root)


def _structural_errors(declared: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    """Yield the places where a schema is not structural: every value must have a type."""
    if not declared.get("type") and not any(
        declared.get(mark) for mark in ("x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields")
    ):
        yield FieldError(
            f"{path}.type", "FieldValueRequired", "Required value: must not be empty for specified object fields"
        )
    for name, member in declared.get("properties", {}).items():
        yield from _structural_errors(member, f"{path}.properties[{name}]")
    for key in ("items", "additionalProperties"):
        if isinstance(declared.get(key), dict):
            yield from _structural_errors(declared[key], f"{path}.{key}")
