"""Whatever stands in whichever field of a message: none of it reaches a script, and no object but our Secret.

Every text of a request is replaced in turn, by what a shell, a heredoc, YAML or Go's templates would act on. Most are
refused by the field's pattern; the rest must lead nowhere.
"""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from overspill_shared import minicluster, volume_objects
from overspill_shared.deadman import build_deadman
from overspill_shared.lease import build_lease
from overspill_shared.messages import BurstRequest

NOW = 1_760_000_000.0
MARK = "canary"
CANARIES = {
    "substitution": f"$(touch /tmp/{MARK})",
    "backticks": f"`touch /tmp/{MARK}`",
    "end of a heredoc": f"a\nEOT\ntouch /tmp/{MARK}\n",
    "quotes": f"\"'; touch /tmp/{MARK}; '\"",
    "newline": f"a\n{MARK}",
    "parameter": f"${{HOME}}{MARK}",
    "template": f"{{{{ .{MARK} }}}}%s%!d",
    "nul and escape": f"\x1b[2J{MARK}\\x00",
}
FREE_TEXT = {
    "slot.hosts",
    "hostlist",
    "broker_toml",
    "sealed_keys",
    "jobs.0.jobspec.tasks.0.command.0",
}
"""Fields whose text is not ours to restrict by a pattern; each is checked against the rest, sealed, or never used."""
FULL = {
    "template": {
        "app_image": "example.org/app:2",
        "flux_version": "0.88.0",
        "boot_disk_type": "pd-ssd",
        "machine_type": "g2-standard-24",
        "gpus": 2,
        "accelerator_type": "nvidia-l4",
        "mounts": ["/usr/local"],
        "volumes": [
            {"name": "in", "mount_path": "/in", "gcs_bucket": "lab-in"},
            {"name": "home", "mount_path": "/home", "nfs": {"server": "10.0.0.2", "path": "/vol1"}},
            {"name": "lustre", "mount_path": "/scratch", "claim": "storage/lustre"},
        ],
    },
    "runtime": {"topology": "kary:0"},
}
EXISTING = {"spec": {"nfs": {"server": "10.0.0.3", "path": "/"}, "accessModes": ["ReadWriteMany"]}}


@pytest.fixture(scope="module")
def example(burst_request):
    return burst_request(**FULL).model_dump(mode="json")


def texts(content, path=()):
    """Give the path of every text in a message's content."""
    if isinstance(content, str):
        yield path
    elif isinstance(content, dict | list):
        for key, value in content.items() if isinstance(content, dict) else enumerate(content):
            yield from texts(value, (*path, key))


def with_text(content, path, text):
    if not path:
        return text
    changed = dict(content) if isinstance(content, dict) else list(content)
    changed[path[0]] = with_text(content[path[0]], path[1:], text)
    return changed


def accepted(example):
    """Give each (field, request) with a canary in one field that the message's own patterns let through."""
    for path in texts(example):
        original = example
        for key in path:
            original = original[key]
        for canary in CANARIES.values():
            for text in (canary, original + canary, canary + original):
                try:
                    request = BurstRequest.model_validate(with_text(example, path, text))
                except ValidationError:
                    continue
                yield ".".join(map(str, path)), request


def objects_of(request):
    """Give every object of a burst but the one that may hold what a message says: our Secret."""
    template = request.template
    return [
        minicluster.build_namespace(request),
        build_lease(request, now=NOW),
        *build_deadman(request, image="example.org/python:3", has_pools=True),
        *volume_objects.build_export(request, template.volumes[1]),
        *volume_objects.build_claim(request, template.volumes[2], EXISTING),
        minicluster.build_minicluster(request, now=NOW),
    ]


def test_every_text_but_the_free_ones_is_refused_by_its_pattern(example):
    fields = {field for field, _ in accepted(example)}

    assert {field for field in fields if not field.startswith("jobs.")} == FREE_TEXT - {
        "jobs.0.jobspec.tasks.0.command.0"
    }


def test_texts_that_are_let_through_reach_no_object_but_the_secret(example):
    tried = 0
    for field, request in accepted(example):
        tried += 1
        shown = json.dumps(objects_of(request))
        assert MARK not in shown, field
        assert "EOT" not in shown, field

    assert tried >= len(FREE_TEXT) * len(CANARIES) * 2


def test_scripts_are_constants_whatever_is_let_through(example):
    for field, request in accepted(example):
        spec = minicluster.build_minicluster(request, now=NOW)["spec"]
        (container,) = spec["containers"]
        scripts = {text for text in container["commands"].values() if text}
        assert scripts == {minicluster.PRE}, field
        assert spec["flux"]["brokerConfig"] == minicluster.BROKER_CONFIG, field
        assert not container.get("command"), field
        assert not container.get("environment"), field


def test_messages_texts_are_all_tried(example):
    fields = {".".join(map(str, path)) for path in texts(example)}

    assert fields >= FREE_TEXT | {"burst_id", "lead.host", "template.volumes.1.nfs.server", "runtime.prefix", "zone"}


def test_text_with_a_line_end_behind_it_is_refused_too(example):
    let_through = set()
    for path in texts(example):
        original = example
        for key in path:
            original = original[key]
        try:
            BurstRequest.model_validate(with_text(example, path, original + "\n"))
        except ValidationError:
            continue
        let_through.add(".".join(map(str, path)))

    assert {field for field in let_through if not field.startswith("jobs.")} == {
        field for field in FREE_TEXT if not field.startswith("jobs.")
    }
