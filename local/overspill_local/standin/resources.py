"""What ranks have: R (RFC 20), read and written.

Mappings in, values out; which job gets what is `placement`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from overspill_shared import hostlist
from overspill_shared.errors import ConfigError
from overspill_shared.idset import Ranks, format_idset, parse_idset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class RankShape:
    """What R declares of one rank."""

    rank: int
    host: str
    cores: tuple[int, ...]
    gpus: tuple[int, ...]
    properties: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one job has of one rank, and how many of its slots that is."""

    rank: int
    host: str
    cores: tuple[int, ...]
    gpus: tuple[int, ...]
    slots: int


def read_r(r: Mapping[str, Any], hosts: Sequence[str]) -> tuple[RankShape, ...]:
    """Give every rank's shape, in rank order; ranks are counted by `hosts`, as the broker reranks R.

    Raises ConfigError if R is no RFC 20 object or lacks a host.
    """
    try:
        execution = r["execution"]
        named = [host for text in execution["nodelist"] for host in hostlist.expand(text)]
        children = _children_by_rank(execution["R_lite"])
        properties = {name: parse_idset(ranks) for name, ranks in execution.get("properties", {}).items()}
    except (KeyError, TypeError, AttributeError, ValueError) as exc:
        raise _r_error(f"R is not RFC 20 version 1: {exc!r}") from None
    places = {host: place for place, host in enumerate(named)}
    if missing := [host for host in hosts if places.get(host) not in children]:
        raise _r_error(f"error reranking R: it lacks {hostlist.compress(missing)} of bootstrap.hosts")
    return tuple(_shape(rank, host, places[host], children, properties) for rank, host in enumerate(hosts))


def write_r(shares: Sequence[Share], *, starttime: float) -> dict[str, Any]:
    """Give the R of an allocation, ranks with equal shares in one entry."""
    groups: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}
    for share in shares:
        groups.setdefault((share.cores, share.gpus), []).append(share.rank)
    return {
        "version": 1,
        "execution": {
            "R_lite": [
                {"rank": format_idset(ranks), "children": _write_children(cores, gpus)}
                for (cores, gpus), ranks in groups.items()
            ],
            "starttime": starttime,
            "expiration": 0.0,
            "nodelist": [hostlist.compress(share.host for share in shares)],
        },
    }


def resource_summary(shares: Sequence[Share]) -> str:
    """Give an allocation in the short form that Flux's own annotations have.

    >>> resource_summary([Share(rank=4, host="b-0", cores=(0, 1), gpus=(), slots=1)])
    'rank4/core[0-1]'
    """
    ranks = _bracketed(frozenset(share.rank for share in shares))
    parts = [f"core{_bracketed(frozenset(shares[0].cores))}"]
    if shares[0].gpus:
        parts.append(f"gpu{_bracketed(frozenset(shares[0].gpus))}")
    return f"rank{ranks}/{','.join(parts)}"


def _bracketed(ids: Ranks) -> str:
    text = format_idset(ids)
    return text if text.isdigit() else f"[{text}]"


def _children_by_rank(r_lite: Sequence[Mapping[str, Any]]) -> dict[int, Mapping[str, str]]:
    return {rank: entry["children"] for entry in r_lite for rank in parse_idset(str(entry["rank"]))}


def _shape(
    rank: int,
    host: str,
    place: int,
    children: Mapping[int, Mapping[str, str]],
    properties: Mapping[str, Ranks],
) -> RankShape:
    return RankShape(
        rank=rank,
        host=host,
        cores=_ids(children[place], "core"),
        gpus=_ids(children[place], "gpu"),
        properties=frozenset(name for name, ranks in properties.items() if place in ranks),
    )


def _ids(children: Mapping[str, str], kind: str) -> tuple[int, ...]:
    try:
        return tuple(sorted(parse_idset(children.get(kind, ""))))
    except ValueError as exc:
        raise _r_error(f"R: {kind}: {exc}") from None


def _write_children(cores: tuple[int, ...], gpus: tuple[int, ...]) -> dict[str, str]:
    children = {"core": format_idset(cores)}
    return {**children, "gpu": format_idset(gpus)} if gpus else children


def _r_error(text: str) -> ConfigError:
    return ConfigError(
        f"resource.path: {text}.", remedy="Let R have every host of bootstrap.hosts.", code="resource-path"
    )
