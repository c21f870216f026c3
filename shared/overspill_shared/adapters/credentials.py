"""Google credentials that are missing, as an error that says what to do. Finds none itself: google.auth does."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import google.auth.exceptions

from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def credentials_needed() -> Iterator[None]:
    """Translate what a Google client raises inside when it finds no credentials.

    Raises ConfigError.
    """
    try:
        yield
    except google.auth.exceptions.DefaultCredentialsError as error:
        raise ConfigError(
            f"No Google credentials: {error}",
            remedy="Run under a service account, set GOOGLE_APPLICATION_CREDENTIALS, or export the variables that"
            " `overspill-local up` prints for an embedded cloud.",
            code="no-credentials",
        ) from None
