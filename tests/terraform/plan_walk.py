"""A plan's resources, and whom they are about although names are not known before they are made.

What Terraform knows only after apply (an account's mail address) is followed through the configuration's references:
`google_service_account.push.member` is the account `push`. Values in, values out.
"""

import re
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Resource:
    """One planned resource."""

    type: str
    name: str
    key: str | int | None
    module: tuple[str, ...]
    values: dict[str, Any]
    expressions: dict[str, Any] = field(repr=False)

    @property
    def address(self) -> str:
        key = "" if self.key is None else f"[{self.key!r}]"
        return ".".join([*self.module, self.type, f"{self.name}{key}"])

    def block(self, name):
        """Give the one block of a name, or an empty one."""
        found = self.values.get(name) or [{}]
        return found[0]

    def refers(self, *path):
        """Give what an attribute refers to, as (type, name, key) of resources; `path` leads through blocks."""
        node: Any = self.expressions
        for part in path:
            node = (node[0] if isinstance(node, list) else node).get(part, {})
        references = node.get("references", []) if isinstance(node, dict) else []
        return {target for text in references if (target := self._target(text, references))}

    def _target(self, text, references):
        match = re.fullmatch(r"(google_\w+)\.(\w+)(?:\[\"?([^\"\]]+)\"?\])?(\..+)?", text)
        if not match:
            return None
        kind, name, key = match[1], match[2], match[3]
        if key is None and ("each.key" in references or "each.value" in references):
            key = self.key
        # Terraform lists a reference's prefixes too: only the longest says which instance.
        prefixes = [other for other in references if other.startswith((f"{kind}.{name}[", f"{kind}.{name}."))]
        if match[3] is None and any("[" in other for other in prefixes):
            return None
        return (kind, name, key)


class Plan:
    """All resources of a plan, those of its modules too."""

    def __init__(self, document):
        self.outputs = {
            name: output.get("value") for name, output in document["planned_values"].get("outputs", {}).items()
        }
        self.resources = tuple(
            _walk(document["planned_values"]["root_module"], document["configuration"]["root_module"], ())
        )

    def all(self, *types):
        """Give the resources of these types; at least one, so that no test passes for want of any."""
        found = [resource for resource in self.resources if resource.type in types]
        assert found, f"the plan has no {' or '.join(types)}"
        return found

    def one(self, kind, name, key=None):
        """Give one resource."""
        (found,) = [r for r in self.resources if (r.type, r.name, r.key) == (kind, name, key)]
        return found

    def grants(self):
        """Give every grant as (who, role, on what)."""
        return [
            (who(r), role(r), target(r)) for r in self.resources if re.search(r"_iam_(member|binding|policy)$", r.type)
        ]


def _walk(planned, configured, module):
    by_name = {(r["type"], r["name"]): r for r in configured.get("resources", []) if r["mode"] == "managed"}
    for item in planned.get("resources", []):
        if item["mode"] == "managed":
            expressions = by_name[item["type"], item["name"]].get("expressions", {})
            yield Resource(item["type"], item["name"], item.get("index"), module, item["values"], expressions)
    for child in planned.get("child_modules", []):
        name = re.sub(r"\[.*\]$", "", child["address"].split(".")[-1])
        yield from _walk(child, configured["module_calls"][name]["module"], (*module, name))


def who(grant):
    """Give a grant's member: an account of ours by the name that it has here, anybody else as written."""
    if grant.values.get("member"):
        return grant.values["member"]
    accounts = {str(key or name) for kind, name, key in grant.refers("member") if kind == "google_service_account"}
    assert len(accounts) == 1, f"{grant.address} names {accounts or 'nobody that can be found out'}"
    return accounts.pop()


def role(grant):
    """Give a grant's role; of a custom role, which one it is."""
    if grant.values.get("role"):
        return grant.values["role"]
    custom = {f"custom:{key}" for kind, _, key in grant.refers("role") if kind == "google_project_iam_custom_role"}
    if not custom:  # through a local, which a plan does not show
        return "custom"
    assert len(custom) == 1, grant.address
    return custom.pop()


def target(grant):
    """Give what a grant is on."""
    for key in ("topic", "subscription", "secret_id", "bucket", "service", "subnetwork", "repository"):
        if grant.values.get(key):
            return f"{key}:{grant.values[key]}"
    for key in ("service_account_id", "repository"):
        if found := grant.refers(key):
            _kind, name, instance = min(found, key=str)
            return f"{key}:{instance or name}"
    return f"project:{grant.values['project']}"
