"""The Flux Operator's manifest: read from a file, or fetched by https, and compared with its known hash.

Nothing here knows what is in it, beyond that it is YAML.
"""

from __future__ import annotations

import hashlib
import hmac
import urllib.request
from pathlib import Path
from typing import Any, Final

import yaml

from overspill_shared.errors import ConfigError, Unavailable

FETCH_TIMEOUT_S: Final = 30
MAX_BYTES: Final = 10_000_000


def load_operator_manifest(location: str, sha256: str | None) -> tuple[dict[str, Any], ...]:
    """Give the documents of the manifest at a path or https URL, in their order.

    Raises ConfigError if it cannot be read, is no YAML of Kubernetes objects, or is not what `sha256` says; a URL
    without a hash is refused. Raises Unavailable if a URL does not answer.
    """
    content = _fetch(location, sha256) if "://" in location else _read(location)
    actual = hashlib.sha256(content).hexdigest()
    if sha256 is not None and not hmac.compare_digest(actual, sha256.lower()):
        raise _wrong(
            f"operator_manifest {location} has the SHA-256 {actual}, not {sha256.lower()}",
            "Check what changed; then set operator_manifest_sha256 to the hash of the file you want.",
            code="operator-manifest-hash",
        )
    return _parse(content, location)


def _read(location: str) -> bytes:
    try:
        return Path(location).read_bytes()
    except OSError as exc:
        raise _wrong(f"operator_manifest {location}: {exc.strerror}", "Correct the path.") from None


def _fetch(location: str, sha256: str | None) -> bytes:
    if not location.startswith("https://"):
        raise _wrong(f"operator_manifest {location} is no https URL", "Give a path or an https:// URL.")
    if sha256 is None:
        raise _wrong(
            "operator_manifest is a URL, but operator_manifest_sha256 is not set",
            "Set it to the hash of the file, so that a changed file is never installed.",
        )
    try:
        with urllib.request.urlopen(location, timeout=FETCH_TIMEOUT_S) as answer:  # noqa: S310 - https alone, see above
            return bytes(answer.read(MAX_BYTES))
    except OSError as exc:
        raise Unavailable(
            f"operator_manifest {location} cannot be fetched: {exc}.",
            remedy="Check the URL, and that the function may reach it; or give a path.",
        ) from exc


def _parse(content: bytes, location: str) -> tuple[dict[str, Any], ...]:
    try:
        documents = tuple(item for item in yaml.safe_load_all(content) if item)
    except yaml.YAMLError as exc:
        raise _wrong(f"operator_manifest {location} is not YAML: {exc}", "Give the Flux Operator's own.") from None
    for document in documents:
        if not isinstance(document, dict) or not {"apiVersion", "kind", "metadata"} <= document.keys():
            raise _wrong(
                f"operator_manifest {location} holds a document that is no Kubernetes object",
                "Give the Flux Operator's own.",
            )
    return documents


def _wrong(text: str, remedy: str, *, code: str = "operator-manifest") -> ConfigError:
    return ConfigError(f"{text}.", remedy=remedy, code=code)
