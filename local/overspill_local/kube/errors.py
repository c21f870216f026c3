"""What the embedded API refuses, as the `Status` bodies that Kubernetes clients know.

Codes, reasons and wording are those of kube-apiserver, because clients match on them. No rule that leads to a
refusal lives here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overspill_local.kube.resources import KubeObject, ResourceType

CauseReason: TypeAlias = Literal[
    "FieldValueForbidden",
    "FieldValueInvalid",
    "FieldValueNotSupported",
    "FieldValueRequired",
    "FieldValueTypeInvalid",
]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that is wrong: its path (`spec.containers[0].image`), how, and what to write instead."""

    field: str
    reason: CauseReason
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"

    def cause(self) -> KubeObject:
        """Return the entry of `details.causes`."""
        return {"reason": self.reason, "message": self.message, "field": self.field}


class ApiError(Exception):
    """A request is refused; `code` is the HTTP status, `reason` the machine-readable `metav1.StatusReason`."""

    def __init__(self, code: int, reason: str, message: str, details: KubeObject | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.details = details

    def status(self) -> KubeObject:
        """Return the response body."""
        body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body |= {"message": str(self), "code": self.code}
        if self.reason:
            body["reason"] = self.reason
        if self.details:
            body["details"] = self.details
        return body


def _about(resource: ResourceType, name: str, **more: Any) -> KubeObject:
    return {"name": name, "group": resource.group, "kind": resource.plural, **more}


def not_found(resource: ResourceType, name: str) -> ApiError:
    """No object of that name."""
    return ApiError(404, "NotFound", f'{resource.qualified_plural} "{name}" not found', _about(resource, name))


def unknown_path() -> ApiError:
    """No such kind, version or subresource is served."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def already_exists(resource: ResourceType, name: str) -> ApiError:
    """Create of a name that is taken."""
    message = f'{resource.qualified_plural} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _about(resource, name))


def conflict(resource: ResourceType, name: str, why: str | None = None) -> ApiError:
    """The writer acted on an older state of the object than the stored one."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {resource.qualified_plural} "{name}": {why}'
    return ApiError(409, "Conflict", message, _about(resource, name))


def invalid(resource: ResourceType, name: str, errors: Sequence[FieldError]) -> ApiError:
    """One or more fields of the object are wrong."""
    listed = str(errors[0]) if len(errors) == 1 else f"[{', '.join(str(error) for error in errors)}]"
    details = {
        "name": name,
        "group": resource.group,
        "kind": resource.kind,
        "causes": [error.cause() for error in errors],
    }
    return ApiError(422, "Invalid", f'{resource.qualified_kind} "{name}" is invalid: {listed}', details)


def bad_request(message: str) -> ApiError:
    """The request itself cannot be understood."""
    return ApiError(400, "BadRequest", message)


def undecodable(resource: ResourceType, why: str) -> ApiError:
    """The body cannot be read as an object of the kind."""
    return bad_request(f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: {why}')


def untyped(resource: ResourceType, name: str, why: str) -> ApiError:
    """Server-side apply cannot type the configuration by the schema; kube-apiserver does say 500."""
    about = f"{name}; {resource.api_version}, Kind={resource.kind}"
    return ApiError(500, "", f"failed to create typed patch object ({about}): {why}")


def forbidden(resource: ResourceType, name: str, why: str, **details: Any) -> ApiError:
    """The request is understood, but not allowed now."""
    message = f'{resource.qualified_plural} "{name}" is forbidden: {why}'
    return ApiError(403, "Forbidden", message, _about(resource, name, **details))


def method_not_allowed() -> ApiError:
    """The path exists, but not with this method."""
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def unsupported_media_type(accepted: Sequence[str]) -> ApiError:
    """A patch in a format that the kind does not take."""
    message = f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    return ApiError(415, "UnsupportedMediaType", message)


def unauthorized() -> ApiError:
    """No bearer token, or one that is not valid."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def expired(revision: int, oldest: int) -> ApiError:
    """A watch resumes from before what the journal still holds: list again."""
    return ApiError(410, "Expired", f"too old resource version: {revision} ({oldest})")
