"""The agent's own state in the instance's KVS: read whole, written in one commit that survives a crash.

Everything lies below one directory and is JSON. What the values mean is not known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from overspill_agent.flux_connection import translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from overspill_agent.flux_connection import FluxConnection

DIRECTORY: Final = "overspill"

_NAMESPACE: Final = "primary"
"""Inside a job the environment names another one, which cannot be synchronised and ends with the job."""


def read_state(connection: FluxConnection) -> dict[str, Any]:
    """Give every value below the directory, by its key after that prefix."""
    # A look-up has no deadline of its own; a KVS that answers this answers a look-up.
    connection.call("kvs.ping", {})
    with translated("kvs.lookup"):
        if not connection.flux.kvs.exists(connection.handle, DIRECTORY, namespace=_NAMESPACE):
            return {}
        prefix = f"{DIRECTORY}."
        return {
            key.removeprefix(prefix): connection.flux.kvs.get(connection.handle, key, namespace=_NAMESPACE)
            for key in _keys(connection, DIRECTORY)
        }


def write_state(connection: FluxConnection, changes: Mapping[str, Any]) -> None:
    """Write values, in one commit that is on disk when this returns; None removes a key.

    Raises FluxError where the instance cannot keep anything.
    """
    if not changes:
        return
    kvs = connection.flux.kvs
    with translated("kvs.commit"):
        transaction = kvs.KVSTxn(connection.handle, namespace=_NAMESPACE)
        for key, value in changes.items():
            if value is None:
                transaction.unlink(f"{DIRECTORY}.{key}")
            else:
                transaction.put(f"{DIRECTORY}.{key}", value)
        connection.result(transaction.commit_async(flags=connection.flux.constants.FLUX_KVS_SYNC))


def _keys(connection: FluxConnection, directory: str) -> Iterator[str]:
    listing = connection.flux.kvs.get_dir(connection.handle, directory, namespace=_NAMESPACE)
    for name in listing.files():
        yield f"{directory}.{name}"
    for name in listing.directories():
        yield from _keys(connection, f"{directory}.{name}")
