"""Writes the documentation that follows from the code: lifecycle.md, settings.md, faults.md, schemas.

`python docs/export.py` writes; `python docs/export.py --check` writes nothing and exits 1, naming each file that is
stale. A schema whose message is gone is stale too. Pages that people write do not come from here.
"""  # noqa: INP001 - a script beside the pages that it writes, no package

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from overspill_agent.agent_settings import AgentSettings
from overspill_agent.deciding import snapshot_file
from overspill_local.faults.book import MISSING_ZONE
from overspill_local.faults.catalogue import CATALOGUE
from overspill_provision.settings import ProvisionSettings
from overspill_shared import lifecycle, messages
from overspill_shared.settings import ENV_PREFIX, Settings
from overspill_shared.templates import NodeShape
from overspill_shared.volumes import Volume
from overspill_teardown.settings import TeardownSettings

if TYPE_CHECKING:
    from pydantic import BaseModel

DOCS = Path(__file__).resolve().parent
SCHEMA_PATTERN = "messages/*.schema.json"


def pages() -> dict[str, str]:
    """Give the text of each generated file by its path under docs/."""
    schemas = {f"messages/{model.__name__}.schema.json": _schema(model) for model in messages.MESSAGES}
    snapshot = json.dumps(snapshot_file.schema(), indent=2, sort_keys=True) + "\n"
    return {
        "lifecycle.md": lifecycle.markdown(),
        "settings.md": _settings(),
        "faults.md": _faults(),
        "snapshot.schema.json": snapshot,
        **schemas,
    }


def stale(docs: Path) -> list[str]:
    """Give the paths under `docs` that are missing, differ from the code or should not be there, in order."""
    wanted = pages()
    differ = {path for path, text in wanted.items() if _text(docs / path) != text}
    return sorted(differ | (_schemas_in(docs) - set(wanted)))


def write(docs: Path) -> list[str]:
    """Bring `docs` up to date; gives the paths that were written or removed."""
    wanted, changed = pages(), stale(docs)
    for path in changed:
        if path not in wanted:
            (docs / path).unlink()
            continue
        (docs / path).parent.mkdir(parents=True, exist_ok=True)
        (docs / path).write_text(wanted[path], encoding="utf-8")
    return changed


def main(arguments: list[str] | None = None) -> int:
    """Write or check; the result is the process's exit status."""
    parser = argparse.ArgumentParser(description="Write the generated part of docs/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is stale")
    parser.add_argument("--docs", type=Path, default=DOCS, help="the folder (default: %(default)s)")
    options = parser.parse_args(arguments)
    changed = stale(options.docs) if options.check else write(options.docs)
    word = "stale" if options.check else "updated"
    sys.stdout.writelines(f"{word}: {options.docs / path}\n" for path in changed)
    if options.check and changed:
        sys.stdout.write("Run `make docs` and commit what it writes.\n")
        return 1
    return 0


def _schema(model: type[messages.Message]) -> str:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(by_alias=True)}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


SETTINGS_INTRODUCTION = f"""\
# Settings

Generated from the settings models by `make docs`.

Flags win over `{ENV_PREFIX}*` variables, those over the settings file, that over the defaults. A nested key's variable
joins its parts with `__`; tables such as slots and templates are easier in the file. Unknown keys in the file are
errors, and all wrong keys are reported at once. Times are seconds.

The agent reads a TOML file given by `--config`:

```toml
project = "my-project"
public_key_file = "/etc/overspill/key.pub"

[slots.burst-0]
template = "hpc"

[templates.hpc]
machine_type = "c2-standard-8"
cores = 4
memory_mib = 32768
price_usd_per_h = 0.42
zones = ["us-central1-a", "us-central1-f"]
threads_per_core = 1
compact_placement = true

[[templates.hpc.volumes]]
name = "home"
mount_path = "/home"
nfs = {{ server = "10.0.0.2", path = "/home" }}
```
"""


def _settings() -> str:
    sections = (
        ("The agent", AgentSettings),
        ("The function provision", ProvisionSettings),
        ("The function teardown", TeardownSettings),
    )
    tables = (("A template", "templates.<name>", NodeShape), ("A volume", "templates.<name>.volumes", Volume))
    agent, *functions = [_section(title, model) for title, model in sections]
    return SETTINGS_INTRODUCTION + agent + "".join(_table(*table) for table in tables) + "".join(functions)


def _section(title: str, model: type[Settings]) -> str:
    rows = []
    for name, field in sorted(model.model_fields.items()):
        value = None if field.is_required() else field.get_default(call_default_factory=True)
        default = "required" if field.is_required() else _default(value)
        text = " ".join((field.description or "").split())
        rows.append(f"| `{name}` | `{ENV_PREFIX}{name.upper()}` | {default} | {text} |")
    head = "| setting | variable | default | meaning |\n|---|---|---|---|\n"
    return f"\n## {title}\n\n{head}" + "\n".join(rows) + "\n"


def _table(title: str, key: str, model: type[BaseModel]) -> str:
    rows = []
    for name, field in sorted(model.model_fields.items()):
        default = "required" if field.is_required() else f"`{field.default}`" if field.default else "-"
        rows.append(f"| `{name}` | {default} | {field.description or ''} |")
    head = "| key | default | meaning |\n|---|---|---|\n"
    return f"\n## {title}: `{key}`\n\n{head}" + "\n".join(rows) + "\n"


def _default(value: object) -> str:
    if isinstance(value, tuple):
        value = ", ".join(str(item) for item in value)
    return f"`{value}`" if value not in (None, "", {}) else "-"


FAULTS_INTRODUCTION = """\
# Faults

Generated from `overspill_local.faults` by `make docs`.

The embedded cloud fails to order, in the words of Google and Kubernetes: to see what becomes of bursts, and to test it.
A fault waits until a call comes that it fits, and hits one, `--times` of them, or every one `--for` seconds.

On the command line, in a shell with the variables that `overspill-local up` prints:

```console
$ overspill-local fault stockout --after 20
stockout: the next call that is create
$ overspill-local fault kube-unreachable --for 15
$ overspill-local fault list
$ overspill-local fault clear
```

In tests, with the fixture `faults` (tests/integration), or a `FaultBook` of any embedded server:

```python
def test_burst_without_nodes_fails(cloud, faults, request_here):
    faults.order("stockout", after_s=0.5)  # a FaultOrder's keys: times, for_s, after_s, calls, zone
    ...
```

`calls` is a shell pattern. GKE's calls are named by method (`CreateCluster`, `DeleteCluster`, `GetCluster`,
`ListClusters`, `ListOperations`, `SetNodePoolSize`), Kubernetes' by method and path (`PATCH /api/v1/namespaces/x`);
what plays the inside of a cluster is spared. A process of ours that dies is no fault of the cloud: kill it.

| fault | hits | what happens |
|---|---|---|
"""


def _faults() -> str:
    rows = [
        f"| `{name}` | {f'`{named.calls}`' if named.calls else 'an operation'} | {named.help} |"
        for name, named in CATALOGUE.items()
    ]
    missing_zone = "A zone does not answer when clusters or operations are listed, until that is cleared."
    return FAULTS_INTRODUCTION + "\n".join([*rows, f"| `{MISSING_ZONE}` | `List*` | {missing_zone} |"]) + "\n"


def _schemas_in(docs: Path) -> set[str]:
    return {path.relative_to(docs).as_posix() for path in docs.glob(SCHEMA_PATTERN)}


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
