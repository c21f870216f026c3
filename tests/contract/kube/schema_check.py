"""Whether an object is one that Kubernetes knows: unknown fields and wrong types, by the official client's models.

Custom resources are held to their definition's schema. Nothing is asked of a server.
"""

import re

import yaml
from kubernetes import client

from overspill_local.kube import schema

PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float), "datetime": str}


def problems(document, *, definitions=None):
    """Give what is wrong with an object, as texts with the field's path; `definitions` is its definition's file."""
    if definitions is not None:
        return _by_definition(document, definitions)
    return list(_by_model(f"V1{document['kind']}", document, document["kind"]))


def _by_definition(document, file):
    version = document["apiVersion"].rpartition("/")[2]
    (found,) = [
        served["schema"]["openAPIV3Schema"]
        for body in yaml.safe_load_all(file.read_text())
        if body and body["kind"] == "CustomResourceDefinition" and body["spec"]["names"]["kind"] == document["kind"]
        for served in body["spec"]["versions"]
        if served["name"] == version
    ]
    content = {key: value for key, value in document.items() if key != "metadata"}
    return [*map(str, schema.validate(found, content)), *schema.undeclared_fields(found, content)]


def _by_model(name, value, path):
    if name == "object":
        return
    if inner := re.fullmatch(r"list\[(.+)\]", name):
        if not isinstance(value, list):
            yield f"{path}: is no list"
            return
        for index, item in enumerate(value):
            yield from _by_model(inner[1], item, f"{path}[{index}]")
    elif inner := re.fullmatch(r"dict\(str, (.+)\)", name):
        for key, item in value.items():
            yield from _by_model(inner[1], item, f"{path}.{key}")
    elif name in PLAIN:
        if not isinstance(value, PLAIN[name]) or (name == "int" and isinstance(value, bool)):
            yield f"{path}: is no {name}"
    else:
        yield from _fields(getattr(client, name), value, path)


def _fields(model, value, path):
    if not isinstance(value, dict):
        yield f"{path}: is no object"
        return
    types = {wire: model.openapi_types[attribute] for attribute, wire in model.attribute_map.items()}
    for key, item in value.items():
        if key not in types:
            yield f"{path}.{key}: is no field"
        else:
            yield from _by_model(types[key], item, f"{path}.{key}")
