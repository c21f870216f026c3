"""One connection to a Flux broker: requests with a deadline, and Flux's errors told in ours.

Everything here is synchronous and belongs to the thread that made the connection. What is listened to lives in
`flux_reactor`; what the requests mean lives in `flux_instance` and `flux_facts`.
"""

from __future__ import annotations

import errno
import gc
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from overspill_agent import flux_bindings
from overspill_shared.errors import ConfigError, FluxError, FluxUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

log = logging.getLogger(__name__)

ANSWER_TIMEOUT_S: Final = 30.0
"""How long a broker may take to answer a request: it normally takes milliseconds."""

_GONE: Final = frozenset(
    {
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTUNREACH,
        errno.ENOTCONN,
        errno.EPIPE,
        errno.ESHUTDOWN,
        errno.ETIMEDOUT,
    }
)
_REFUSED: Final = frozenset({errno.EPERM, errno.EACCES})


class FluxConnection:
    """A handle on the broker of rank 0, and the requests made by it."""

    def __init__(self, flux: Any, handle: Any) -> None:
        """Take a module `flux` and an open handle; see `connect`."""
        self.flux = flux
        self._handle = handle

    @property
    def handle(self) -> Any:
        """The `flux.Flux` behind it; raises FluxUnavailable once closed."""
        if self._handle is None:
            raise FluxUnavailable("The connection to Flux is closed.", remedy="Connect again.")
        return self._handle

    def call(
        self, topic: str, payload: Mapping[str, Any] | None = None, *, absent: frozenset[int] = frozenset()
    ) -> Any:
        """Send a request to rank 0 and give the answer's payload; None for an error whose errno is in `absent`.

        Raises FluxUnavailable if there is no answer in time, FluxError with Flux's own words if it refuses.
        """
        with translated(topic):
            try:
                return self.result(self.handle.rpc(topic, None if payload is None else dict(payload), nodeid=0))
            except OSError as exc:
                if exc.errno in absent:
                    log.debug("flux.absent", extra={"topic": topic, "reason": exc.strerror})
                    return None
                raise

    def result(self, future: Any) -> Any:
        """Wait for a future and give its result; raises OSError as Flux does."""
        # Outside of a reactor the bindings give SIGINT back to the system while they wait, and forget to undo it
        # when the answer is an error: an interrupted agent would die without a word.
        with self.handle.in_reactor():
            return future.wait_for(ANSWER_TIMEOUT_S).get()

    def attribute(self, name: str) -> str:
        """Give a broker attribute (flux-broker-attributes(7)).

        Raises FluxError if there is none of this name.
        """
        with translated(f"attribute {name}"):
            return str(self.handle.attr_get(name))

    def has_service(self, name: str) -> bool:
        """Tell whether a service answers, a broker module for instance."""
        return self.call(f"{name}.ping", {}, absent=frozenset({errno.ENOSYS})) is not None

    def close(self) -> None:
        """Disconnect; harmless if done already."""
        self._handle = None
        # The bindings' objects refer to themselves, and the socket stays open, the lock held, as long as one lives.
        gc.collect()


def connect(uri: str | None = None) -> FluxConnection:
    """Connect to the broker at `uri`, or at FLUX_URI, or to the system's.

    Raises FluxUnavailable if there is no broker or no bindings, ConfigError if it is not the one of rank 0 or does
    not let this user in.
    """
    flux = flux_bindings.load()
    try:
        handle = flux.Flux() if uri is None else flux.Flux(uri)
    except OSError as exc:
        raise _connect_error(exc, uri) from exc
    connection = FluxConnection(flux, handle)
    if (rank := connection.attribute("rank")) != "0":
        raise ConfigError(
            f"FLUX_URI leads to the broker of rank {rank}, not to the lead broker.",
            remedy="Run the agent beside the broker of rank 0.",
            code="flux-rank",
        )
    _compare_versions(flux_bindings.version(), connection.attribute("version"))
    return connection


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Give an OSError of Flux's as one of our errors; `what` says what was asked."""
    try:
        yield
    except OSError as exc:
        raise _flux_error(what, exc) from exc


def _flux_error(what: str, exc: OSError) -> FluxError:
    reason = exc.strerror or str(exc)
    if exc.errno == errno.ETIMEDOUT:
        return FluxUnavailable(
            f"The Flux broker did not answer {what} within {ANSWER_TIMEOUT_S:g} s.", remedy="See whether it is stuck."
        )
    if exc.errno in _GONE:
        return FluxUnavailable(f"The Flux broker is gone ({what}: {reason}).", remedy="Wait until it is back.")
    if exc.errno in _REFUSED:
        remedy = "Run the agent as the owner of the Flux instance (`flux getattr security.owner`)."
        return FluxError(f"Flux refuses {what}: {reason}.", remedy=remedy, code="flux-permission")
    return FluxError(f"Flux refuses {what}: {reason}.")


def _connect_error(exc: OSError, uri: str | None) -> FluxUnavailable | ConfigError:
    reason = exc.strerror or str(exc)
    if exc.errno in _REFUSED:
        return ConfigError(
            f"The Flux broker does not let this user in ({reason}).",
            remedy="Run the agent as the owner of the Flux instance.",
            code="flux-permission",
        )
    return FluxUnavailable(
        f"No Flux broker answers{f' at {uri}' if uri else ''} ({reason}).",
        remedy="Start the lead broker, or set FLUX_URI to its local-uri (`flux getattr local-uri`).",
    )


def _compare_versions(ours: str, brokers: str) -> None:
    """Say so if the bindings are of another release than the broker; most of what is asked works all the same."""
    if flux_bindings.release(ours) != flux_bindings.release(brokers):
        log.warning("flux.version-mismatch", extra={"bindings_version": ours, "broker_version": brokers})
