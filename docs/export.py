"""Writes the documentation that follows from the code: docs/lifecycle.md and docs/messages/*.schema.json.

`python docs/export.py` writes; `python docs/export.py --check` writes nothing and exits 1, naming each file that is
stale. A schema whose message is gone is stale too. Pages that people write do not come from here.
"""  # noqa: INP001 - a script beside the pages that it writes, no package

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from overspill_shared import lifecycle, messages

DOCS = Path(__file__).resolve().parent
SCHEMA_PATTERN = "messages/*.schema.json"


def pages() -> dict[str, str]:
    """Give the text of each generated file by its path under docs/."""
    schemas = {f"messages/{model.__name__}.schema.json": _schema(model) for model in messages.MESSAGES}
    return {"lifecycle.md": lifecycle.markdown(), **schemas}


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


def _schemas_in(docs: Path) -> set[str]:
    return {path.relative_to(docs).as_posix() for path in docs.glob(SCHEMA_PATTERN)}


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
