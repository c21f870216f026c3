"""Every error that Overspill raises on purpose.

::

    OverspillError
    ├── ConfigError          an operator's setting is wrong: names the key and what to do; never retried
    ├── MalformedMessage     a sender's fault: acked and dead-lettered once, never retried
    ├── RequestRefused       a well-formed request that a guardrail, a seal or a hash refuses: `rejected`
    │   ├── LimitReached     what the deployment allows is used up
    │   └── SealError        sealed keys cannot be opened or do not belong to their message
    ├── IllegalTransition    our own fault: a move that the lifecycle table does not have
    ├── NotYet               nothing is wrong, it is only too early: redeliver later
    ├── CloudError           the cloud said no; `retryable` tells whether the same call may work later
    │   ├── NotFound
    │   ├── AlreadyExists
    │   ├── Busy
    │   ├── Conflict
    │   ├── InvalidRequest
    │   ├── CapacityUnavailable
    │   ├── QuotaExceeded
    │   ├── PermissionDenied
    │   │   └── TokenRefused
    │   ├── BootFailure
    │   └── Unavailable
    └── FluxError            Flux said no
        ├── FluxUnavailable  there is no broker to talk to (yet, or any more)
        └── AlreadyServed    another agent serves this instance

Each error carries a `remedy`: one sentence that tells a person what to do. No error text may contain a key.
Adapters translate SDK errors into these; nothing above an adapter sees an SDK's error.
"""

from __future__ import annotations

from enum import StrEnum


class ErrorClass(StrEnum):
    """What kind of failure an event reports: the agent's consequence depends on nothing else."""

    CAPACITY = "capacity"
    """The zone has no such nodes now; another zone may."""
    QUOTA = "quota"
    """The project's quota is used up; a person must raise it or wait."""
    CONFIG = "config"
    """A setting or a message is wrong; the same request fails again."""
    PERMISSION = "permission"
    """An account lacks a right."""
    BOOT = "boot"
    """Nodes or pods came, but did not start."""
    JOIN = "join"
    """Pods run, but their brokers did not join the lead."""
    INTERNAL = "internal"
    """Anything else: a fault of ours or of the cloud."""


class OverspillError(Exception):
    """Base of all; `text` is for people, `remedy` says what to do, `code` is stable for scripts."""

    error_class = ErrorClass.INTERNAL
    default_code = "internal"

    def __init__(self, text: str, *, remedy: str = "", code: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.remedy = remedy
        self.code = code or self.default_code

    def __str__(self) -> str:
        return f"{self.text} {self.remedy}".strip()


class ConfigError(OverspillError):
    """A setting is missing or wrong: the text names the key."""

    error_class = ErrorClass.CONFIG
    default_code = "config"


class MalformedMessage(OverspillError):
    """A message cannot be read, or has an unknown major schema version: the text names the field."""

    error_class = ErrorClass.CONFIG
    default_code = "malformed-message"


class RequestRefused(OverspillError):
    """A readable request that must not be fulfilled: the text names the field and the limit."""

    error_class = ErrorClass.CONFIG
    default_code = "refused"


class IllegalTransition(OverspillError):
    """A burst was asked to make a move that the lifecycle table does not have."""

    default_code = "illegal-transition"


class LimitReached(RequestRefused):
    """A request for more than the deployment allows at once: it may be fulfilled when less is in use."""

    error_class = ErrorClass.QUOTA
    default_code = "limit-reached"


class SealError(RequestRefused):
    """Sealed keys cannot be opened with our key, or were sealed for another message."""

    default_code = "seal"


class NotYet(OverspillError):
    """The world is on its way, but not there: the message must come again later."""

    default_code = "not-yet"


class CloudError(OverspillError):
    """The cloud refused or failed; `retryable` says whether the same call may succeed later."""

    default_code = "cloud"
    default_retryable = False

    def __init__(self, text: str, *, remedy: str = "", code: str | None = None, retryable: bool | None = None) -> None:
        super().__init__(text, remedy=remedy, code=code)
        self.retryable = self.default_retryable if retryable is None else retryable


class NotFound(CloudError):
    """The named thing does not exist."""

    default_code = "not-found"


class AlreadyExists(CloudError):
    """The named thing exists already."""

    default_code = "already-exists"


class Busy(CloudError):
    """Another operation runs on the named thing: the same call works once it is done."""

    default_code = "busy"
    default_retryable = True


class Conflict(CloudError):
    """Somebody else changed the named thing since it was read: read it again before the next try."""

    default_code = "conflict"
    default_retryable = True


class InvalidRequest(CloudError):
    """The cloud cannot make what is asked for, now or later."""

    error_class = ErrorClass.CONFIG
    default_code = "invalid-argument"


class CapacityUnavailable(CloudError):
    """The zone has no such nodes now (GCE_STOCKOUT and kin)."""

    error_class = ErrorClass.CAPACITY
    default_code = "stockout"


class QuotaExceeded(CloudError):
    """The project's quota does not allow it."""

    error_class = ErrorClass.QUOTA
    default_code = "quota"


class PermissionDenied(CloudError):
    """The account lacks a right; the text quotes the one that the cloud named."""

    error_class = ErrorClass.PERMISSION
    default_code = "permission"


class TokenRefused(PermissionDenied):
    """The token was not accepted: it may have expired meanwhile, and the next one is fresh."""

    default_code = "token-refused"
    default_retryable = True


class BootFailure(CloudError):
    """What was made does not work: a cluster that is degraded, a node pool in error."""

    error_class = ErrorClass.BOOT
    default_code = "boot"


class Unavailable(CloudError):
    """The service did not answer, or asked to come back later."""

    default_code = "unavailable"
    default_retryable = True


class FluxError(OverspillError):
    """Flux refused or failed."""

    default_code = "flux"


class FluxUnavailable(FluxError):
    """No broker answers: it is not there yet, or it is gone."""

    default_code = "flux-unavailable"


class AlreadyServed(FluxError):
    """Another agent holds this instance's lock."""

    default_code = "already-served"
