"""Hostlists in RFC 29's text form: order matters, for a host's place in the list is its rank.

Pure text arithmetic; nothing here resolves a name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_HOSTS = 100_000
"""Most hosts in one list: a guard against `h[0-999999999]` in a message."""

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_NUMBERED = re.compile(r"(?P<prefix>.*?)(?P<digits>[0-9]+)")
_RANGE = re.compile(r"(?P<low>[0-9]{1,253})(-(?P<high>[0-9]{1,253}))?")


def expand(text: str) -> tuple[str, ...]:
    """Give the hosts of a hostlist in their order, duplicates kept.

    Raises ValueError if the text is no hostlist (RFC 29: one bracketed group a name).

    >>> expand("lead-[0-1],burst-0-[08-10]")
    ('lead-0', 'lead-1', 'burst-0-08', 'burst-0-09', 'burst-0-10')
    """
    hosts: list[str] = []
    for entry in _split(text):
        for host in _expand_entry(entry, text):
            if not _HOST.fullmatch(host):
                raise ValueError(f"{text[:60]!r} is not a hostlist: {host[:60]!r} is not a host name")
            hosts.append(host)
            if len(hosts) > MAX_HOSTS:
                raise ValueError(f"{text[:60]!r} holds more than {MAX_HOSTS} hosts")
    return tuple(hosts)


def compress(hosts: Iterable[str]) -> str:
    """Write hosts as a hostlist, keeping their order; consecutive numbers become ranges.

    >>> compress(["lead-0", "lead-1", "burst-0-0", "x"])
    'lead-[0-1],burst-0-0,x'
    """
    groups: list[tuple[str, list[tuple[str, str]]]] = []
    for host in hosts:
        match = _NUMBERED.fullmatch(host)
        if match is None:
            groups.append((host, []))
            continue
        prefix, digits = match["prefix"], match["digits"]
        if not groups or groups[-1][0] != prefix or not groups[-1][1]:
            groups.append((prefix, [(digits, digits)]))
        elif _follows(groups[-1][1][-1][1], digits):
            groups[-1][1][-1] = (groups[-1][1][-1][0], digits)
        else:
            groups[-1][1].append((digits, digits))
    return ",".join(_format_group(prefix, ranges) for prefix, ranges in groups)


def host_prefix(host: str) -> str:
    """Give a host's name without its trailing number and the dash before it.

    >>> host_prefix("burst-0-3"), host_prefix("lead-0"), host_prefix("login")
    ('burst-0', 'lead', 'login')
    """
    match = _NUMBERED.fullmatch(host)
    return match["prefix"].rstrip("-") if match and match["prefix"].rstrip("-") else host


def _split(text: str) -> Iterator[str]:
    """Give the comma-separated entries, commas inside brackets left alone."""
    depth, start = 0, 0
    for place, char in enumerate(text):
        depth += (char == "[") - (char == "]")
        if depth not in (0, 1):
            raise ValueError(f"{text[:60]!r} is not a hostlist: its brackets do not match")
        if char == "," and depth == 0:
            yield text[start:place]
            start = place + 1
    if depth:
        raise ValueError(f"{text[:60]!r} is not a hostlist: its brackets do not match")
    if text:
        yield text[start:]


def _expand_entry(entry: str, whole: str) -> Iterator[str]:
    entry = entry.strip()
    if "[" not in entry:
        yield entry
        return
    prefix, _, rest = entry.partition("[")
    body, _, suffix = rest.partition("]")
    for part in body.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise ValueError(f"{whole[:60]!r} is not a hostlist: {part[:20]!r} is no range")
        low, high = match["low"], match["high"] or match["low"]
        if int(low) > int(high):
            raise ValueError(f"{whole[:60]!r} is not a hostlist: {part[:20]!r} is out of order")
        for number in range(int(low), int(high) + 1):
            yield f"{prefix}{number:0{len(low)}d}{suffix}"


def _follows(before: str, after: str) -> bool:
    """Tell whether `after` is the next number in the same padding."""
    return int(after) == int(before) + 1 and f"{int(after):0{len(before)}d}" == after


def _format_group(prefix: str, ranges: list[tuple[str, str]]) -> str:
    if not ranges:
        return prefix
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return prefix + ranges[0][0]
    body = ",".join(low if low == high else f"{low}-{high}" for low, high in ranges)
    return f"{prefix}[{body}]"
