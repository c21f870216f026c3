"""The OpenAPI documents that `kubectl apply` asks for before it sends anything: which parameters a PATCH takes.

Pure, and no more than that: no schema stands in them, validation is the server's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from overspill_local.kube.errors import unknown_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from overspill_local.kube.resources import ResourceType

_PARAMETERS = [
    {"name": name, "in": "query", "schema": {"type": "string"}}
    for name in ("dryRun", "fieldManager", "fieldValidation")
]


def openapi_document(path: Sequence[str], resources: Iterable[ResourceType]) -> dict[str, Any]:
    """Return the document at `/openapi/` and then `path`; raises ApiError 404 if there is none."""
    match path:
        case ["v3"]:
            prefixes = sorted({_prefix(resource) for resource in resources})
            return {"paths": {prefix: {"serverRelativeURL": f"/openapi/v3/{prefix}"} for prefix in prefixes}}
        case ["v3", *rest]:
            found = [resource for resource in resources if _prefix(resource) == "/".join(rest)]
            if found:
                info = {"title": "Overspill's embedded Kubernetes API", "version": "v1"}
                return {"openapi": "3.0.0", "info": info, "paths": dict(_patch_path(each) for each in found)}
    raise unknown_path()


def _prefix(resource: ResourceType) -> str:
    return f"apis/{resource.api_version}" if resource.group else f"api/{resource.api_version}"


def _patch_path(resource: ResourceType) -> tuple[str, dict[str, Any]]:
    scope = "namespaces/{namespace}/" if resource.namespaced else ""
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    operation = {
        "parameters": _PARAMETERS,
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-group-version-kind": kind,
    }
    return f"/{_prefix(resource)}/{scope}{resource.plural}/{{name}}", {"patch": operation}
