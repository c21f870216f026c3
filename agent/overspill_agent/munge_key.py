"""The munge key that burst nodes need where jobs are signed by munge, read from the lead's files. An adapter.

Nothing is decided of bursts here. A single-user instance needs no key: its owner's jobs are signed `none`
(flux-config-security-sign(5)). Signatures are verified on other ranks by flux-imp alone.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from overspill_shared.errors import ConfigError
from overspill_shared.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from overspill_agent.ports import InstanceFacts

MUNGE_KEY: Final = "/etc/munge/munge.key"
"""munged(8)'s own default."""

_SECURITY: Final = "flux/security/conf.d"


def read_munge_key(facts: InstanceFacts, file: str = "", *, etc: Path | None = None) -> Secret | None:
    """Give the munge key, or None where none is needed.

    `file` is the setting munge_key_file: where it is set, that key is given. Otherwise munge's own key is, if the
    instance runs jobs by flux-imp (`exec.imp`) and flux-security takes munge's signatures. `etc` is the folder of
    flux-security's configuration; its default depends on where Flux is installed.

    Raises ConfigError naming munge_key_file if a key is needed and cannot be read.
    """
    if not file:
        if not _uses_imp(facts.config) or not _signs_by_munge(etc or _etc(facts.prefix)):
            return None
        file = MUNGE_KEY
    try:
        return Secret(Path(file).read_bytes())
    except OSError as exc:
        raise ConfigError(
            f"munge_key_file: {file} cannot be read ({exc.strerror}), but other users' jobs are signed by munge.",
            remedy="Give the agent a copy of munge's key that the instance's owner may read, and name it in"
            " OVERSPILL_MUNGE_KEY_FILE.",
            code="munge-key",
        ) from None


def _uses_imp(config: Mapping[str, Any]) -> bool:
    return bool((config.get("exec") or {}).get("imp"))


def _signs_by_munge(etc: Path) -> bool:
    return any(_names_munge(path) for path in sorted((etc / _SECURITY).glob("*.toml")))


def _names_munge(path: Path) -> bool:
    try:
        sign = tomllib.loads(path.read_text()).get("sign") or {}
    except (OSError, ValueError) as exc:
        raise ConfigError(
            f"munge_key_file: {path}, which says how jobs are signed, cannot be read: {exc}.",
            remedy="Correct it, or set OVERSPILL_MUNGE_KEY_FILE.",
            code="munge-key",
        ) from None
    return sign.get("default-type") == "munge" or "munge" in (sign.get("allowed-types") or ())


def _etc(prefix: str) -> Path:
    """Give the folder of configuration that belongs to an installation (file-hierarchy: /etc for /usr)."""
    return Path("/etc") if prefix in ("/", "/usr") else Path(prefix) / "etc"
