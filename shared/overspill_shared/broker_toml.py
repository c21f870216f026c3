"""The burst brokers' broker.toml, built from the lead's own configuration.

Text and mappings in, text out. The rules are flux-config-bootstrap(5)'s: a broker finds its rank by its host name's
place in `hosts`, so the lead's list is kept whole and in order; of an entry that stands twice the first wins, so one
entry put in front tells the burst's brokers where to dial, whatever the lead's own `connect` says.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final

import tomli_w

from overspill_shared import hostlist
from overspill_shared.errors import ConfigError, RequestRefused

CURVE_CERT_PATH: Final = "/mnt/flux/config/curve/curve.cert"
"""Where a burst broker finds its certificate: the Flux Operator's `curvepath`."""

DEFAULT_TCP_USER_TIMEOUT: Final = "2m"
"""flux-config-tbon(5) has 20 s; a link over a wide area network needs to survive a short break."""

MAX_PORT: Final = 65535
DEFAULT_PORT: Final = 8050
"""Of flux-config-bootstrap(5)'s `default_port`."""

LEAD_FILES: Final = ("path", "scheduling")
"""Keys of flux-config-resource(5) that name a file on the lead. A broker with a `path` verifies itself against its own
copy of R, and one whose file is missing does not start."""

_TCP_URI: Final = re.compile(r"tcp://(\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+)):(?P<port>[0-9]{1,5})")


def parse(text: str) -> dict[str, Any]:
    """Read a broker.toml.

    Raises ConfigError if it is no TOML.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ConfigError(
            f"broker.toml is not TOML: {exc}.", remedy="Correct the lead's configuration.", code="broker-toml"
        ) from None


def bootstrap_hosts(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the hosts of `bootstrap.hosts` in rank order, duplicates dropped as the broker drops them.

    Raises ConfigError naming the key if it is missing or wrong.
    """
    hosts: dict[str, None] = {}
    for place, entry in enumerate(_host_entries(config)):
        names = entry.get("host") if isinstance(entry, Mapping) else entry
        if not isinstance(names, str):
            raise _hosts_error(f"bootstrap.hosts[{place}] has no host")
        try:
            hosts.update(dict.fromkeys(hostlist.expand(names)))
        except ValueError as exc:
            raise _hosts_error(f"bootstrap.hosts[{place}].host: {exc}") from None
    if not hosts:
        raise _hosts_error("bootstrap.hosts is missing or empty")
    return tuple(hosts)


def lead_address(config: Mapping[str, Any]) -> tuple[str, int] | None:
    """Give (host, port) of rank 0's `connect`, or None where it has none or needs the broker's own substitution.

    Raises ConfigError if the URI is wrong.
    """
    entries = _host_entries(config)
    first = entries[0] if entries and isinstance(entries[0], Mapping) else {}
    key, uri = "bootstrap.hosts[0].connect", first.get("connect")
    if not uri:
        key, uri = "bootstrap.default_connect", _table(config, "bootstrap").get("default_connect")
    if not isinstance(uri, str) or "%h" in uri or "%p" in uri:
        return None
    return parse_tcp_uri(uri, key)


def overlay_port(config: Mapping[str, Any]) -> int:
    """Give the port that the lead's broker listens on: that of its `bind`, else `default_port`, else Flux's own.

    Raises ConfigError if `bootstrap.default_port` is no port.
    """
    entries, bootstrap = _host_entries(config), _table(config, "bootstrap")
    first = entries[0] if entries and isinstance(entries[0], Mapping) else {}
    bind = first.get("bind") or bootstrap.get("default_bind") or ""
    port = bootstrap.get("default_port", DEFAULT_PORT)
    if match := re.search(r":([0-9]{1,5})$", str(bind)):
        port = int(match[1])
    if not isinstance(port, int) or not 1 <= port <= MAX_PORT:
        raise ConfigError(
            f"bootstrap.default_port must be from 1 to {MAX_PORT}, not {port!r}.",
            remedy="Correct it.",
            code="lead-address",
        )
    return port


def parse_tcp_uri(uri: str, key: str) -> tuple[str, int]:
    """Give (host, port) of tcp://HOST:PORT, the host as it is spelt there, an IPv6 address without its brackets.

    Nothing else is taken, such as a user or a path: what was checked must be all that a broker can read in it.
    Raises ConfigError naming `key` otherwise.
    """
    match = _TCP_URI.fullmatch(uri)
    port = int(match["port"]) if match else 0
    if match is None or not 1 <= port <= MAX_PORT:
        raise ConfigError(
            f"{key} must be tcp://HOST:PORT, not {uri[:80]!r}.", remedy="Correct it.", code="lead-address"
        )
    return match["ipv6"] or match["host"], port


def build_burst_config(
    lead_config: Mapping[str, Any],
    *,
    host: str,
    port: int,
    tcp_user_timeout: str = DEFAULT_TCP_USER_TIMEOUT,
) -> str:
    """Give the broker.toml of a burst's brokers.

    `lead_config` is the lead's live configuration; `host` and `port` are where burst nodes reach it. Kept: hosts and
    their order, resource verification, everything else. Changed: the lead's address goes in front, what names a file
    on the lead goes (LEAD_FILES, and ingest plugins given by their path), the certificate lies where the Flux Operator
    keeps it, `tbon.tcp_user_timeout` is set where the lead has none, and IPv6 is enabled where the address is one.
    `tbon.topo` goes: it need not be what the lead runs with, for its command line wins, while every burst broker is a
    child of rank 0, Flux's own default.

    The text depends on the content alone, not on the order of keys, for the burst's id is a hash of it.
    Raises ConfigError if `bootstrap.hosts` is missing or wrong.
    """
    hosts = bootstrap_hosts(lead_config)
    bootstrap = dict(_table(lead_config, "bootstrap"))
    bootstrap["curve_cert"] = CURVE_CERT_PATH
    bootstrap["hosts"] = [
        {"host": hosts[0], "connect": f"tcp://{_bracketed(host)}:{port}"},
        *(dict(entry) if isinstance(entry, Mapping) else {"host": entry} for entry in _host_entries(lead_config)),
    ]
    config = _without(lead_config, ("bootstrap", "resource", "tbon"))
    if ":" in host:
        bootstrap["enable_ipv6"] = True
    config["bootstrap"] = bootstrap
    if "ingest" in config:
        config["ingest"] = _without_local_plugins(_table(config, "ingest"))
    config["tbon"] = {"tcp_user_timeout": tcp_user_timeout, **_without(_table(lead_config, "tbon"), ("topo",))}
    if resource := _without(_table(lead_config, "resource"), LEAD_FILES):
        config["resource"] = resource
    return tomli_w.dumps(_in_key_order(config))


def check_burst_config(text: str, *, lead_name: str, host: str, port: int, slot_hosts: str) -> None:
    """Check a burst broker.toml against the message that brought it.

    Raises RequestRefused naming `broker_toml` and what is wrong with it.
    """
    try:
        config = parse(text)
        hosts = bootstrap_hosts(config)
        address = lead_address(config)
        wanted = hostlist.expand(slot_hosts)
    except (ConfigError, ValueError) as exc:
        raise _refused(str(exc)) from None
    missing = [name for name in wanted if name not in hosts]
    if missing:
        raise _refused(
            f"bootstrap.hosts lacks the slot's hosts {hostlist.compress(missing)}",
            remedy="Declare the slot in the lead's broker.toml and in R, and restart the lead.",
        )
    if hosts[0] != lead_name or address != (host, port):
        raise _refused(f"bootstrap.hosts[0] must be {lead_name} at tcp://{_bracketed(host)}:{port}")
    for key in LEAD_FILES:
        if key in _table(config, "resource"):
            raise _refused(f"resource.{key} must not be set: a burst broker has no such file")


def _refused(text: str, remedy: str = "Let the agent build it from the lead's configuration.") -> RequestRefused:
    return RequestRefused(f"broker_toml: {text.rstrip('.')}.", remedy=remedy, code="broker-toml")


def _host_entries(config: Mapping[str, Any]) -> list[Any]:
    entries = _table(config, "bootstrap").get("hosts", [])
    if not isinstance(entries, list):
        raise _hosts_error("bootstrap.hosts is no array")
    return entries


def _hosts_error(text: str) -> ConfigError:
    return ConfigError(
        f"{text}.",
        remedy="List every rank's host in broker.toml, the slots' included: flux-config-bootstrap(5).",
        code="bootstrap-hosts",
    )


def _table(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = config.get(name, {})
    return table if isinstance(table, Mapping) else {}


def _without(table: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in keys}


def _without_local_plugins(ingest: Mapping[str, Any]) -> dict[str, Any]:
    """Drop ingest plugins that are files of the lead's: a broker's own ingest fails every job if one is missing.

    Jobs that a job submits from a burst node come by there (flux-config-ingest(5)).
    """
    kept = dict(ingest)
    for stage in ("frobnicator", "validator"):
        table = _table(ingest, stage)
        plugins = table.get("plugins")
        if isinstance(plugins, list) and any("/" in str(name) for name in plugins):
            # Options go too: one that no plugin knows is as bad as a missing plugin.
            kept[stage] = {key: value for key, value in table.items() if key != "args"}
            kept[stage]["plugins"] = [name for name in plugins if "/" not in str(name)]
    return kept


def _in_key_order(value: Any) -> Any:
    """Give the same value with the keys of every table sorted; arrays keep their order."""
    if isinstance(value, Mapping):
        return {key: _in_key_order(value[key]) for key in sorted(value)}
    return [_in_key_order(item) for item in value] if isinstance(value, list) else value


def _bracketed(host: str) -> str:
    """Give an address as URIs spell it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host
