"""What the functions' code calls, found in its syntax: methods of the ports, and the kinds of objects that they touch.

Nothing is run. What cannot be told from the syntax (a kind in a variable) is given as `UNKNOWN`.
"""

import ast
from pathlib import Path

from tests.terraform.offline import ROOT

UNKNOWN = "?"
SHARED = ROOT / "shared" / "overspill_shared"


def package(function):
    return ROOT / "functions" / function / f"overspill_{function}"


def port_methods(port):
    """Give a port's methods, as its Protocol has them."""
    tree = ast.parse((SHARED / "ports.py").read_text())
    (found,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == port]
    return {node.name for node in found.body if isinstance(node, ast.FunctionDef)}


def client_calls(adapter, name):
    """Give the SDK client's methods that each method of an adapter's class calls."""
    tree = ast.parse((SHARED / "adapters" / adapter).read_text())
    (found,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    return {
        method.name: {
            node.func.attr
            for node in ast.walk(method)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and ast.unparse(node.func.value) == "self._client"
        }
        for method in found.body
        if isinstance(method, ast.FunctionDef) and not method.name.startswith("_")
    }


def cluster_methods(function):
    """Give the methods of the Clusters port that a function calls."""
    return {
        node.func.attr
        for path in package(function).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value).endswith(("clusters",))
    }


def object_calls(function):
    """Give (method, kind) of what a function does to objects in a cluster, through the KubernetesApi port."""
    found = set()
    for path in package(function).rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and ast.unparse(node.func.value).endswith(("kubernetes", "_kubernetes", "kubernetes_api"))
            ):
                found.add((node.func.attr, _kind(node, tree, path)))
    return found - {("close", UNKNOWN)}


def _kind(call, tree, path):
    """Give the kind in `read(api_version, kind, …)`, through constants of the module, or of one it imports."""
    if call.func.attr == "list_pods":
        return "Pod"
    names = []
    for argument in call.args:
        if isinstance(argument, ast.Starred):
            value = _constant(argument.value, tree, path)
            names += list(value) if isinstance(value, tuple) else [UNKNOWN]
        else:
            names.append(_constant(argument, tree, path))
    return names[1] if len(names) > 1 and isinstance(names[1], str) else UNKNOWN


def _constant(node, tree, path):
    try:
        return ast.literal_eval(node)
    except ValueError:
        pass
    if isinstance(node, ast.Name):
        for statement in tree.body:
            targets = getattr(statement, "targets", [getattr(statement, "target", None)])
            if any(isinstance(target, ast.Name) and target.id == node.id for target in targets):
                return _constant(statement.value, tree, path)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        module = SHARED / f"{node.value.id}.py"
        if module.exists():
            return _constant(ast.Name(node.attr), ast.parse(module.read_text()), module)
    return UNKNOWN


def literal_kinds(*paths: Path):
    """Give the kinds of objects that these files write out: dictionaries, or models, with a kind."""
    found = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Dict):
                found |= {
                    value.value
                    for key, value in zip(node.keys, node.values, strict=True)
                    if isinstance(key, ast.Constant) and key.value == "kind" and isinstance(value, ast.Constant)
                }
            elif isinstance(node, ast.keyword) and node.arg == "kind" and isinstance(node.value, ast.Constant):
                found.add(node.value.value)
    return found
