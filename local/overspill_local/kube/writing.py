"""Requests that change objects: create, replace, patch, apply, delete.

A request and the store in, a reply out, in one step: nothing else runs between reading an object and writing it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from overspill_local.kube.admission import refuse_unknown_fields, refuse_untyped
from overspill_local.kube.apply import ApplyConflictError, apply_configuration
from overspill_local.kube.errors import (
    ApiError,
    FieldError,
    bad_request,
    conflict,
    invalid,
    method_not_allowed,
    unsupported_media_type,
)
from overspill_local.kube.patches import PatchError, json_patch, merge_patch, strategic_merge_patch
from overspill_local.kube.reading import Reply, object_list
from overspill_local.kube.scale import read_scale, with_scale

if TYPE_CHECKING:
    from overspill_local.kube.deletion import PropagationPolicy
    from overspill_local.kube.requests import ResourceRequest
    from overspill_local.kube.resources import KubeObject, ResourceType
    from overspill_local.kube.store import KubeStore

_JSON_PATCH = "application/json-patch+json"
_MERGE_PATCH = "application/merge-patch+json"
_STRATEGIC_PATCH = "application/strategic-merge-patch+json"
_APPLY_PATCH = "application/apply-patch+yaml"


def write(store: KubeStore, request: ResourceRequest) -> Reply:
    """Answer a request that changes objects; raises ApiError."""
    match request.method, request.name:
        case "POST", None:
            return _create(store, request)
        case "PUT", str():
            return _replace(store, request)
        case "PATCH", str() if request.content_type == _APPLY_PATCH:
            return _apply(store, request)
        case "PATCH", str():
            return _patch(store, request)
        case "DELETE", None:
            return _delete_collection(store, request)
        case "DELETE", str():
            return _delete(store, request)
        case _:
            raise method_not_allowed()


def _create(store: KubeStore, request: ResourceRequest) -> Reply:
    if request.resource.namespaced and request.namespace is None:
        raise method_not_allowed()
    body = request.object_body()
    if request.is_strict:
        refuse_unknown_fields(request.resource, body)
    created = store.create(body, request.namespace, manager=request.manager(), dry_run=request.dry_run)
    return Reply(created, 201)


def _replace(store: KubeStore, request: ResourceRequest) -> Reply:
    resource, name = request.resource, request.name or ""
    current = store.find(resource, request.namespace, name)
    if current is None and resource.create_on_update and not request.subresource:
        return _create(store, request)
    current = store.get(resource, request.namespace, name)
    if request.subresource == "scale":
        return _rescale(store, request, current, request.parsed_body())
    desired = request.object_body()
    _refuse_other_name(request, desired)
    if not resource.unconditional_update and not desired["metadata"].get("resourceVersion"):
        error = FieldError(
            "metadata.resourceVersion", "FieldValueInvalid", "Invalid value: 0: must be specified for an update"
        )
        raise invalid(resource, name, [error])
    return _update(store, request, current, desired)


def _update(store: KubeStore, request: ResourceRequest, current: KubeObject, desired: KubeObject) -> Reply:
    if request.is_strict:
        refuse_unknown_fields(request.resource, desired)
    manager = request.manager()
    return Reply(store.update(request.resource, current, desired, manager=manager, dry_run=request.dry_run))


def _rescale(store: KubeStore, request: ResourceRequest, current: KubeObject, scale: Any) -> Reply:
    desired = with_scale(request.resource, current, scale if isinstance(scale, dict) else {})
    updated = _update(store, request, current, desired).body
    return Reply(read_scale(request.resource, updated) if isinstance(updated, dict) else updated)


def _refuse_other_name(request: ResourceRequest, body: KubeObject) -> None:
    name = body["metadata"].get("name", request.name)
    if name != request.name:
        raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({request.name})")
    namespace = body["metadata"].get("namespace", request.namespace)
    if namespace != request.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")


def _patch(store: KubeStore, request: ResourceRequest) -> Reply:
    _refuse_force(request)
    current = store.get(request.resource, request.namespace, request.name or "")
    if request.subresource == "scale":
        return _rescale(store, request, current, _patched(request, read_scale(request.resource, current)))
    desired = _patched(request, current)
    if not isinstance(desired, dict) or not isinstance(desired.get("metadata"), dict):
        raise bad_request("the patched document is not a Kubernetes object")
    _refuse_other_name(request, desired)
    return _update(store, request, current, desired)


def _refuse_force(request: ResourceRequest) -> None:
    if "force" in request.query:
        raise _invalid_options(
            FieldError("force", "FieldValueForbidden", "Forbidden: may not be specified for non-apply patch")
        )


def _invalid_options(error: FieldError) -> ApiError:
    details = {"group": "meta.k8s.io", "kind": "PatchOptions", "causes": [error.cause()]}
    return ApiError(422, "Invalid", f'PatchOptions.meta.k8s.io "" is invalid: {error}', details)


def _accepted_patches(resource: ResourceType) -> list[str]:
    """A custom resource has no Go type, from whose tags a strategic merge would take its keys."""
    strategic = [] if resource.definition else [_STRATEGIC_PATCH]
    return [_JSON_PATCH, _MERGE_PATCH, *strategic, _APPLY_PATCH]


def _patched(request: ResourceRequest, document: KubeObject) -> Any:
    accepted = _accepted_patches(request.resource)
    if request.content_type not in accepted:
        raise unsupported_media_type(accepted)
    patch = request.parsed_body()
    if isinstance(patch, list) != (request.content_type == _JSON_PATCH):
        wanted = "a list of operations" if request.content_type == _JSON_PATCH else "an object"
        raise bad_request(f"error decoding patch: {request.content_type} wants {wanted}")
    try:
        match request.content_type:
            case "application/json-patch+json":
                return json_patch(document, patch)
            case "application/merge-patch+json":
                return merge_patch(document, patch)
            case _:
                return strategic_merge_patch(document, patch, request.resource.list_types)
    except PatchError as error:
        message = f"the server rejected our request due to an error in our request: {error}"
        raise ApiError(422, "Invalid", message) from error


def _apply(store: KubeStore, request: ResourceRequest) -> Reply:
    resource, configuration = request.resource, request.object_body()
    _refuse_bad_configuration(request, configuration)
    current = store.find(resource, request.namespace, request.name or "")
    if current is None and request.subresource:
        current = store.get(resource, request.namespace, request.name or "")
    if current is None and (uid := configuration["metadata"].get("uid")):
        why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
        raise conflict(resource, request.name or "", why)
    try:
        desired = apply_configuration(
            current,
            configuration,
            manager := request.manager("Apply"),
            store.stamp(resource),
            resource.list_types,
            force=request.flag("force"),
        )
    except ApplyConflictError as error:
        causes = [
            {"reason": "FieldManagerConflict", "message": f"conflict with {each.owner}", "field": each.field}
            for each in error.conflicts
        ]
        raise ApiError(409, "Conflict", str(error), {"causes": causes}) from error
    if current is None:
        created = store.create(desired, request.namespace, manager=manager, dry_run=request.dry_run)
        return Reply(created, 201)
    return Reply(store.update(resource, current, desired, manager=manager, dry_run=request.dry_run))


def _refuse_bad_configuration(request: ResourceRequest, configuration: KubeObject) -> None:
    if not request.query.get("fieldManager"):
        raise _invalid_options(
            FieldError("fieldManager", "FieldValueRequired", "Required value: is required for apply patch")
        )
    if configuration["metadata"].get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    configuration["metadata"].setdefault("name", request.name)
    _refuse_other_name(request, configuration)
    refuse_untyped(request.resource, configuration)


def _delete(store: KubeStore, request: ResourceRequest) -> Reply:
    resource, name = request.resource, request.name or ""
    obj = store.get(resource, request.namespace, name)
    options = request.parsed_body() if request.body else {}
    _refuse_other_state(resource, obj, options.get("preconditions") or {})
    if request.dry_run:
        return Reply(obj)
    last = store.delete(resource, obj, _policy(request, options))
    if resource.kind in {"Namespace", "Pod"} or store.find(resource, request.namespace, name) is not None:
        return Reply(last)
    details = {"name": name, "group": resource.group, "kind": resource.plural, "uid": obj["metadata"]["uid"]}
    success = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    return Reply(success)


def _refuse_other_state(resource: ResourceType, obj: KubeObject, preconditions: KubeObject) -> None:
    for field, spoken in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        wanted, found = preconditions.get(field), obj["metadata"][field]
        if wanted not in {None, found}:
            why = f"the {spoken} in the precondition ({wanted}) does not match the {spoken} in record ({found})"
            raise conflict(resource, obj["metadata"]["name"], why)


def _policy(request: ResourceRequest, options: KubeObject) -> PropagationPolicy:
    asked = options.get("propagationPolicy") or request.query.get("propagationPolicy") or "Background"
    match asked:
        case "Background" | "Foreground" | "Orphan":
            return asked
        case _:
            raise bad_request(f"propagationPolicy: unsupported value {asked!r}")


def _delete_collection(store: KubeStore, request: ResourceRequest) -> Reply:
    matches = request.matcher()
    options = request.parsed_body() if request.body else {}
    policy = _policy(request, options)
    doomed = [obj for obj in store.list_objects(request.resource, request.namespace) if matches(obj)]
    for obj in doomed if not request.dry_run else []:
        if store.find(request.resource, obj["metadata"].get("namespace"), obj["metadata"]["name"]) is obj:
            store.delete(request.resource, obj, policy)
    return Reply(object_list(request, doomed, {"resourceVersion": str(store.revision)}))
