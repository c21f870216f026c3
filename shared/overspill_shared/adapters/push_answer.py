"""How a function answers a push: anything but success makes Pub/Sub deliver the message again.

Only the answer stands here. 503 means "not yet" and leaves no traceback; any other error is a 500 with one.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from werkzeug.exceptions import ServiceUnavailable

from overspill_shared.errors import CloudError, ConfigError, NotYet

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)


@contextmanager
def answered() -> Iterator[None]:
    """Turn "not yet", and cloud errors that may pass, into a 503; log a wrong setting before it becomes a 500."""
    try:
        yield
    except ConfigError as error:
        log.error("settings.wrong", extra={"code": error.code, "reason": str(error)})  # noqa: TRY400 - its text is clear
        raise
    except (NotYet, CloudError) as error:
        if isinstance(error, CloudError) and not error.retryable:
            raise
        log.info("message.not-yet", extra={"code": error.code, "reason": str(error)})
        raise ServiceUnavailable(str(error)) from error
