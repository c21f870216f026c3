"""The files that `overspill init` leaves: names, contents, and writing them. Nothing else here writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from overspill_agent.init import lead_files, manifests, router
from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from overspill_agent.init.lead_plan import LeadPlan

_CONFIG_MAP_NOTE = """\
# R, the agent's settings and the ingest frobnicator, as the lead's pods read them. After changing R or the settings,
# which are the files beside this one:
#   kubectl create configmap {name} --namespace {namespace} --dry-run=client --output yaml \\
#     --from-file=R --from-file={settings} --from-file={frobnicator}="$(overspill frobnicator)" > configmap.yaml
"""
_MINICLUSTER_NOTE = """\
# The lead MiniCluster. Its slots' hosts and R are fixed while it runs: to change them, run `overspill init --force`
# again, delete the MiniCluster and apply it anew.
"""


def build_files(plan: LeadPlan, frobnicator: str) -> dict[str, str]:
    """Give every file's text by its name. `frobnicator` is the ingest frobnicator's source."""
    mounted = {
        "R": lead_files.resource_text(plan),
        lead_files.SETTINGS_FILE: lead_files.settings_toml(plan),
    }
    note = _CONFIG_MAP_NOTE.format(
        name=plan.objects_name,
        namespace=plan.namespace,
        settings=lead_files.SETTINGS_FILE,
        frobnicator=lead_files.FROBNICATOR_FILE,
    )
    files = {
        "broker.toml": lead_files.broker_toml(plan),
        **mounted,
        "rbac.yaml": render(manifests.build_access(plan)),
        "configmap.yaml": note
        + render([manifests.build_config_map(plan, mounted | {lead_files.FROBNICATOR_FILE: frobnicator})]),
        "service.yaml": render([manifests.build_service(plan)]),
        "minicluster.yaml": _MINICLUSTER_NOTE + render([manifests.build_minicluster(plan)]),
    }
    if plan.has_router:
        files["nginx.conf"] = router.nginx_conf(plan)
        files["router.yaml"] = render([router.router_config_map(plan)])
    return files


def render(objects: Iterable[Mapping[str, Any]]) -> str:
    """Give objects as a YAML stream, texts of several lines as they are."""
    return yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, width=120)


def write_files(directory: Path, files: Mapping[str, str], *, is_forced: bool) -> None:
    """Write files into a directory, which is made if it is missing.

    Raises ConfigError, before anything is written, if one exists and `is_forced` is not set; and if writing fails.
    """
    existing = [name for name in files if (directory / name).exists()]
    if existing and not is_forced:
        raise ConfigError(
            f"{directory}: {', '.join(existing)} exist already.",
            remedy="Choose another directory, or give --force to overwrite them.",
            code="init-exists",
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (directory / name).write_text(text)
    except OSError as exc:
        raise ConfigError(
            f"{exc.filename or directory}: {exc.strerror}.",
            remedy="Choose a directory that can be written to.",
            code="init-write",
        ) from None


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)
