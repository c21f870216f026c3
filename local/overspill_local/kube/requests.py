"""What a request asks: its path, its parameters and its body, parsed; nothing of HTTP, nothing of the store.

Pure. Each parameter is read in one place, so that what is not read here is not supported.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from overspill_local.kube.errors import bad_request, unsupported_media_type
from overspill_local.kube.ownership import Manager, Operation
from overspill_local.kube.selectors import SelectorError, parse_field_selector, parse_label_selector

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from overspill_local.kube.resources import KubeObject, ResourceType

_TRUE = frozenset({"1", "t", "T", "true", "True", "TRUE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcePath:
    """The path of a resource: `/apis/GROUP/VERSION/namespaces/NAMESPACE/PLURAL/NAME/SUBRESOURCE`."""

    group: str
    version: str
    plural: str
    namespace: str | None = None
    name: str | None = None
    subresource: str = ""


def parse_path(path: str) -> ResourcePath | None:
    """Return the resource that a path names, or None for one of discovery or of none of ours."""
    match [part for part in path.split("/") if part]:
        case ["api", version, *rest] if rest:
            group = ""
        case ["apis", group, version, *rest] if rest:
            pass
        case _:
            return None
    namespace: str | None = None
    if len(rest) >= len(("namespaces", "NAMESPACE", "PLURAL")) and rest[0] == "namespaces" and rest[2] != "status":
        namespace, rest = rest[1], rest[2:]
    if len(rest) > len(("plural", "name", "subresource")):
        return None
    plural, name, subresource = (*rest, None, None)[:3]
    return ResourcePath(
        group=group, version=version, plural=plural or "", namespace=namespace, name=name, subresource=subresource or ""
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRequest:
    """A request for objects of one kind."""

    method: str
    resource: ResourceType
    namespace: str | None = None
    name: str | None = None
    subresource: str = ""
    query: Mapping[str, str]
    content_type: str = ""
    user_agent: str = ""
    body: bytes = b""

    @property
    def is_watch(self) -> bool:
        """Whether a stream of changes is asked for."""
        return self.method == "GET" and self.name is None and self.flag("watch")

    def flag(self, parameter: str) -> bool:
        """Return a boolean parameter; False if it is absent."""
        return self.query.get(parameter) in _TRUE

    def number(self, parameter: str, default: int) -> int:
        """Return a parameter that is a whole number, zero or more; raises ApiError 400 otherwise."""
        text = self.query.get(parameter) or str(default)
        if not text.isdecimal():
            raise bad_request(f"{parameter}: Invalid value: {text!r}: must be a whole number")
        return int(text)

    @property
    def dry_run(self) -> bool:
        """Whether nothing is to be stored."""
        return self.query.get("dryRun") == "All"

    @property
    def is_strict(self) -> bool:
        """Whether unknown fields are to be refused instead of dropped."""
        return self.query.get("fieldValidation") == "Strict"

    def manager(self, operation: Operation = "Update") -> Manager:
        """Return who writes: `fieldManager`, else the client's name for itself."""
        name = self.query.get("fieldManager") or self.user_agent.partition("/")[0] or "unknown"
        return Manager(name, operation, self.subresource)

    def parsed_body(self) -> Any:
        """Return the body's JSON, or its YAML if it says that it is.

        Raises ApiError 415 for another format (Protobuf is not spoken here), 400 for what is not what it says.
        """
        if not re.search(r"json|yaml|octet-stream|^$", self.content_type):
            raise unsupported_media_type(("application/json", "application/yaml"))
        try:
            return json.loads(self.body)
        except ValueError as error:
            if "yaml" not in self.content_type:
                raise bad_request(f"the body is not JSON: {error}") from error
        try:
            return yaml.load(self.body, Loader=_JsonLikeLoader)  # noqa: S506  # a SafeLoader
        except yaml.YAMLError as error:
            raise bad_request(f"the body is not YAML: {error}") from error

    def object_body(self) -> KubeObject:
        """Return the body as an object of the kind; raises ApiError 400 if it is none."""
        body = self.parsed_body()
        if not isinstance(body, dict) or not isinstance(body.get("metadata", {}), dict):
            raise bad_request("the body is not a Kubernetes object")
        return _typed(self.resource, body)

    def matcher(self) -> Callable[[KubeObject], bool]:
        """Return whether an object is asked for: by namespace, labels and fields; raises ApiError 400."""
        try:
            labels = parse_label_selector(self.query.get("labelSelector", ""))
            fields = parse_field_selector(self.query.get("fieldSelector", ""), self.resource.field_labels)
        except SelectorError as error:
            raise bad_request(str(error)) from error

        def matches(obj: KubeObject) -> bool:
            metadata = obj["metadata"]
            in_namespace = self.namespace in {None, metadata.get("namespace")}
            return in_namespace and labels.matches(metadata.get("labels") or {}) and fields.matches(obj)

        return matches


def _typed(resource: ResourceType, body: KubeObject) -> KubeObject:
    """Return the body with its kind; a built-in one may leave it out, a custom one may not."""
    if resource.definition and not body.get("kind"):
        raise bad_request(
            f"the object provided is unrecognized (must be of type {resource.kind}): Object 'Kind' is missing"
        )
    got = (body.get("apiVersion") or resource.api_version, body.get("kind") or resource.kind)
    if got != (resource.api_version, resource.kind):
        wanted = f"{resource.api_version}, Kind={resource.kind}"
        raise bad_request(f"the object provided is {got[0]}, Kind={got[1]}, but the path is for {wanted}")
    return body | {"apiVersion": got[0], "kind": got[1], "metadata": body.get("metadata") or {}}


class _JsonLikeLoader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: a time stays the string that it is."""


_JsonLikeLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def continue_token(obj: KubeObject) -> str:
    """Return the token that continues a list after `obj`."""
    key = [obj["metadata"].get("namespace", ""), obj["metadata"]["name"]]
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def parse_continue(token: str) -> tuple[str, str]:
    """Return the namespace and name after which to continue; raises ApiError 400."""
    try:
        namespace, name = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError) as error:
        raise bad_request(f"invalid continue token: {error}") from error
    return namespace, name
