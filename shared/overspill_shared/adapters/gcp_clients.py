"""Where Google Cloud is: the only place that chooses between Google's endpoints and an embedded cloud.

Here live the making of the GKE client and of access tokens. What callers do with them lives in the adapters of their
ports; Pub/Sub is not here, because its own client reads PUBSUB_EMULATOR_HOST.

The environment is an argument and nothing is read at import. Credentials are the exception: google.auth finds them
by itself, and only in the process's own environment (GCE_METADATA_HOST and GCE_METADATA_IP lead it to an embedded
cloud's metadata server).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import google.auth
import google.auth.exceptions
import google.auth.transport.requests
import grpc
from google.cloud import container_v1
from google.cloud.container_v1.services.cluster_manager.transports import ClusterManagerGrpcTransport

from overspill_shared.adapters.credentials import credentials_needed
from overspill_shared.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

GKE_EMULATOR_HOST: Final = "GKE_EMULATOR_HOST"
"""HOST:PORT of an embedded GKE. Our own variable: Google's GKE client has none."""
CLOUD_PLATFORM_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"


def cluster_manager_client(environ: Mapping[str, str]) -> container_v1.ClusterManagerClient:
    """Make a GKE client: for GKE_EMULATOR_HOST where it is set, else for Google with default credentials.

    Raises ConfigError where no credentials are found.
    """
    emulator = environ.get(GKE_EMULATOR_HOST)
    if emulator:
        # An api_endpoint in client_options would not do: the client would still insist on TLS.
        transport = ClusterManagerGrpcTransport(channel=grpc.insecure_channel(emulator))
        return container_v1.ClusterManagerClient(transport=transport)
    with credentials_needed():
        return container_v1.ClusterManagerClient()


def access_token() -> str:
    """Fetch a fresh OAuth token of the default credentials; it lives for about an hour. Never log it.

    Raises ConfigError where no credentials are found, Unavailable where they cannot be refreshed.
    """
    try:
        with credentials_needed():
            credentials, _project = google.auth.default(scopes=[CLOUD_PLATFORM_SCOPE])
            credentials.refresh(google.auth.transport.requests.Request())
    except google.auth.exceptions.GoogleAuthError as error:
        raise Unavailable(
            f"Google's credentials could not be refreshed: {error}",
            remedy="Check that the metadata server, or the identity provider that issued them, can be reached.",
            code="credentials-refresh",
        ) from error
    return str(credentials.token)
