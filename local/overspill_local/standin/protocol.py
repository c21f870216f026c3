"""The client protocol of a stand-in instance: JSON lines over the lead broker's Unix socket.

The address is `standin:///PATH`, the socket's path (by default RUNDIR/local). The socket is its owner's alone (0600);
there is no other check. Each line is one JSON object in UTF-8. A client sends requests, any number at a time::

    {"id": 7, "method": "job.urgency", "params": {"jobid": 17, "urgency": 1}}

`id` is an integer that the client chooses. Each request is answered once, in no certain order::

    {"id": 7, "result": {}}
    {"id": 7, "error": {"errno": 2, "text": "unknown job"}}

and a streaming request gets any number of these before (`subscribe` has no answer, and ends with the connection)::

    {"id": 7, "event": {...}}

===================  ======================================  ==========================================================
method               params                                  result
===================  ======================================  ==========================================================
`instance.facts`                                             hosts[], resources[{rank, cores, gpus, properties[]}],
                                                             config, version, prefix, uid, gid
`service.register`   service                                 service: the name is this connection's until it ends
`kvs.lookup`         prefix                                  values: every key that starts with `prefix`
`kvs.commit`         changes {key: value, or null to drop}   one atomic commit, on disk where there is a statedir
`resource.drain`     ranks (idset), reason                   drained ranks keep their first reason
`resource.undrain`   ranks
`resource.list`                                              free, allocated, down, each with nnodes, ncores, ngpus,
                                                             ranks, nodelist
`overlay.leave`      ranks                                   the brokers of these ranks are asked to exit; offline
                                                             ranks are skipped, rank 0 is refused
`job.submit`         jobspec (RFC 25, version 1), urgency    jobid
`job.list`                                                   jobs[]
`job.urgency`        jobid, urgency (0-31; 0 holds)
`job.memo`           jobid, memo (null removes a key)
`job.raise`          jobid, severity, type, note             severity 0 ends the job
`job.output`         jobid                                   streams {rank, host, task, stream, line}; the result, when
                                                             the job is inactive, is its entry of `job.list`
`subscribe`                                                  streams, see below
`stream.cancel`      stream (a request's id)                 that request is answered no more
===================  ======================================  ==========================================================

`subscribe` first sends the present state, jobs oldest first, then what happens, each as one of::

    {"kind": "online", "ranks": "0-1"}        all ranks that are online, each time
    {"kind": "torpid", "ranks": ""}           all that are online, but silent
    {"kind": "drained", "ranks": "4-7"}       all that are drained
    {"kind": "job", "jobid": 17, "name": "alloc", "at": 1700000000.0, "context": {}, "R": {...}}
    {"kind": "history-replayed"}              once: what follows is new

Job events are RFC 21's. `submit` carries `jobspec` without its environment, `alloc` carries `R` (RFC 20).

Errors: ENOENT (no such job, or it is inactive), EINVAL (wrong parameter, or not in this state), EEXIST (the service is
another connection's), ENOSYS (no such method).

Here lives what both ends and both processes share; what a method does stands in `methods`.
"""

from __future__ import annotations

import errno
import json
from typing import Any, Final

URI_SCHEME: Final = "standin://"
MAX_LINE: Final = 16 * 1024 * 1024
"""Bytes of one line: a jobspec brings its whole environment."""
MAX_SOCKET_PATH: Final = 107
"""unix(7): sun_path has 108 bytes, the last one zero."""


class Refused(Exception):
    """A request that the instance refuses; `number` is the errno that Flux would give."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number
        self.text = text


def invalid(text: str) -> Refused:
    """Give the refusal of a wrong parameter."""
    return Refused(errno.EINVAL, text)


def encode(message: dict[str, Any]) -> bytes:
    """Give the line of a message."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Read a line.

    Raises ValueError if it is no JSON object.
    """
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("a line must be a JSON object")  # noqa: TRY004 - what json raises, too
    return message


def socket_path(uri: str) -> str:
    """Give the path of standin:///PATH.

    Raises ValueError for anything else.
    """
    path = uri.removeprefix(URI_SCHEME)
    if not uri.startswith(URI_SCHEME) or not path.startswith("/"):
        raise ValueError(f"{uri[:80]!r} is no address of a stand-in instance: standin:///PATH is")
    if len(path.encode()) > MAX_SOCKET_PATH:
        raise ValueError(f"{path[:120]!r} is too long for a socket: at most {MAX_SOCKET_PATH} bytes")
    return path
