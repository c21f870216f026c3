"""What the functions' code calls, found in its syntax: methods of the ports, and the kinds of objects that they touch.

Nothing is run. What the syntax does not tell (a kind in a variable) is left out.
"""

import ast

from tests.terraform.offline import ROOT

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
        and ast.unparse(node.func.value).endswith("clusters")
    }


def object_calls(function):
    """Give (method, kind) of what a function does to objects in a cluster, as far as the syntax says the kind."""
    found = set()
    for path in package(function).rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in port_methods("KubernetesApi") - {"apply", "create", "close"}
                and ast.unparse(node.func.value).endswith(("kubernetes", "api"))
            ):
                found.add((node.func.attr, _kind(node, tree)))
    return {(method, kind) for method, kind in found if kind is not None}


def _kind(call, tree):
    """Give the kind in `read(api_version, kind, …)`, through constants of the module, or of one that it imports."""
    if call.func.attr == "list_pods":
        return "Pod"
    values = []
    for argument in call.args:
        value = _constant(argument.value if isinstance(argument, ast.Starred) else argument, tree)
        values += value if isinstance(value, tuple) else [value]
    return values[1] if len(values) > 1 else None


def _constant(node, tree):
    """Give an expression's value, or None where the syntax does not say it."""
    if isinstance(node, ast.Name):
        for statement in tree.body:
            targets = [*getattr(statement, "targets", ()), getattr(statement, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == node.id for target in targets):
                return _constant(statement.value, tree)
        return None
    if isinstance(node, ast.Attribute):
        module = SHARED / f"{ast.unparse(node.value)}.py"
        return _constant(ast.Name(node.attr), ast.parse(module.read_text())) if module.exists() else None
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
