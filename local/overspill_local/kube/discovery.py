"""What the API says of itself: versions, groups and kinds, as clients ask before anything else.

Pure. The older, unaggregated form, which every client falls back to. What OpenAPI there is stands in `openapi`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from overspill_local.kube.errors import unknown_path
from overspill_local.kube.openapi import openapi_document

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overspill_local.kube.resources import ResourceType

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_SUBRESOURCE_VERBS = ["get", "patch", "update"]
_SHOWN_BY_GET_ALL = frozenset({"CronJob", "Deployment", "Job", "Pod", "Service"})
_VERSION = {
    "major": "1",
    "minor": "34",
    "gitVersion": "v1.34.0+overspill",
    # What a version of Kubernetes proper says of its build; clients insist on each.
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "embedded",
}


def discovery_document(path: str, resources: Iterable[ResourceType]) -> dict[str, Any]:
    """Return the document at a path that names no resource; raises ApiError 404 if there is none."""
    served = list(resources)
    match [part for part in path.split("/") if part]:
        case []:
            return {"paths": ["/api", "/api/v1", "/apis", "/version"]}
        case ["version"]:
            return _VERSION
        case ["openapi", *rest]:
            return openapi_document(rest, served)
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ["apis"]:
            groups = sorted({each.group for each in served if each.group})
            listed = [_group(group, served) for group in groups]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
        case ["apis", group] if any(each.group == group for each in served):
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, served)}
        case ["api", version]:
            return _resource_list("", version, served)
        case ["apis", group, version]:
            return _resource_list(group, version, served)
    raise unknown_path()


def _group(group: str, served: list[ResourceType]) -> dict[str, Any]:
    names = dict.fromkeys(each.version for each in served if each.group == group)
    versions = [{"groupVersion": f"{group}/{version}", "version": version} for version in names]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def _resource_list(group: str, version: str, served: list[ResourceType]) -> dict[str, Any]:
    found = [each for each in served if (each.group, each.version) == (group, version)]
    if not found:
        raise unknown_path()
    entries = [entry for resource in found for entry in _entries(resource)]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": found[0].api_version,
        "resources": entries,
    }


def _entries(resource: ResourceType) -> list[dict[str, Any]]:
    shared = {"namespaced": resource.namespaced, "kind": resource.kind}
    main = {"name": resource.plural, "singularName": resource.kind.lower(), "verbs": _VERBS, **shared}
    if resource.kind in _SHOWN_BY_GET_ALL:
        main["categories"] = ["all"]
    if resource.short_names:
        main["shortNames"] = list(resource.short_names)
    scale = {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    return [main] + [
        {"name": f"{resource.plural}/{name}", "singularName": "", "verbs": _SUBRESOURCE_VERBS, **shared}
        | (scale if name == "scale" else {})
        for name in resource.subresources
    ]
