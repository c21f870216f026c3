"""A metadata server: the credentials of the embedded cloud, in the place where Google's libraries look for them.

Here live the paths that google.auth asks for and the tokens given out. Nothing here checks a request to another
service: those ask `is_valid`.

Modelled on https://cloud.google.com/compute/docs/metadata/querying-metadata: requests without the header
`Metadata-Flavor: Google`, or with `X-Forwarded-For`, are refused, and every answer carries the header.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

FLAVOR: Final = {"Metadata-Flavor": "Google"}
TOKEN_LIFETIME_S: Final = 3600
SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
UNIVERSE_DOMAIN: Final = "googleapis.com"
NOWHERE: Final = "/nonexistent/overspill-local"

# Not under gserviceaccount.com: for such accounts google.auth asks Google, over the network, for a regional boundary.
DEFAULT_EMAIL: Final = "embedded@overspill.invalid"

_ACCOUNT: Final = "/computeMetadata/v1/instance/service-accounts/{account}"


class MetadataServer:
    """One metadata server of one project and one service account."""

    def __init__(self, project: str, *, email: str = DEFAULT_EMAIL) -> None:
        self._project = project
        self._email = email
        self._token = f"ya29.overspill-local.{secrets.token_urlsafe(32)}"
        self._signing_key = secrets.token_bytes(32)
        self._runner: web.AppRunner | None = None
        self._address = ""

    def __repr__(self) -> str:
        """Shows no token."""
        return f"MetadataServer(project={self._project!r}, address={self._address!r})"

    @property
    def token(self) -> str:
        """The access token of this run, for the embedded cloud's own clients."""
        return self._token

    def is_valid(self, token: str) -> bool:
        """Whether this server gave out the access token; those of other runs are worthless."""
        return hmac.compare_digest(token.encode(), self._token.encode())

    def environ(self) -> Mapping[str, str]:
        """Give the variables that lead google.auth here, and away from a developer's own credentials.

        google.auth reads them once, when it is imported: they are for processes yet to be started.
        """
        return {
            "GCE_METADATA_HOST": self._address,
            "GCE_METADATA_IP": self._address,
            "GCE_METADATA_MTLS_MODE": "none",
            "NO_GCE_CHECK": "false",
            "GOOGLE_CLOUD_PROJECT": self._project,
            "GOOGLE_APPLICATION_CREDENTIALS": "",
            "CLOUDSDK_CONFIG": NOWHERE,
        }

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen, on a free port where port is 0; returns the port. Raises OSError where the port is taken."""
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, host, port).start()
        bound = int(runner.addresses[0][1])
        self._address = f"{host}:{bound}"
        return bound

    async def stop(self) -> None:
        """Stop listening; takes half a second at most."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[_metadata_flavor])
        application.add_routes(
            [
                web.get("/", _text("computeMetadata/\n")),
                web.get("/computeMetadata/v1/project/project-id", _text(self._project)),
                web.get("/computeMetadata/v1/universe/universe-domain", _text(UNIVERSE_DOMAIN)),
                web.get("/computeMetadata/v1/universe/universe_domain", _text(UNIVERSE_DOMAIN)),
                web.get(f"{_ACCOUNT}/", self._account),
                web.get(f"{_ACCOUNT}/email", self._account_email),
                web.get(f"{_ACCOUNT}/token", self._access_token),
                web.get(f"{_ACCOUNT}/identity", self._identity_token),
            ]
        )
        return application

    def _check_account(self, request: web.Request) -> None:
        if request.match_info["account"] not in {"default", self._email}:
            raise web.HTTPNotFound(text=f"Unknown service account; this server has only {self._email}.\n")

    async def _account(self, request: web.Request) -> web.Response:
        self._check_account(request)
        if request.query.get("recursive", "").lower() != "true":
            return web.Response(text="aliases\nemail\nidentity\nscopes\ntoken\n")
        return web.json_response({"email": self._email, "scopes": [SCOPE], "aliases": ["default"]})

    async def _account_email(self, request: web.Request) -> web.Response:
        self._check_account(request)
        return web.Response(text=self._email)

    async def _access_token(self, request: web.Request) -> web.Response:
        self._check_account(request)
        return web.json_response({"access_token": self._token, "expires_in": TOKEN_LIFETIME_S, "token_type": "Bearer"})

    async def _identity_token(self, request: web.Request) -> web.Response:
        self._check_account(request)
        audience = request.query.get("audience")
        if not audience:
            raise web.HTTPBadRequest(text="non-empty audience parameter required\n")
        return web.Response(text=self._identity_jwt(audience))

    def _identity_jwt(self, audience: str) -> str:
        """Make an OIDC token as Google's in all but the signature, which only this run could check."""
        now = int(time.time())
        claims = {
            "iss": "https://accounts.google.com",
            "aud": audience,
            "azp": self._email,
            "sub": self._email,
            "email": self._email,
            "email_verified": True,
            "iat": now,
            "exp": now + TOKEN_LIFETIME_S,
        }
        signed = f"{_segment({'alg': 'HS256', 'typ': 'JWT'})}.{_segment(claims)}"
        signature = hmac.new(self._signing_key, signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{_base64url(signature)}"


@web.middleware
async def _metadata_flavor(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse what may be a forged request, and mark every answer as a metadata server's."""
    if request.path != "/" and request.headers.get("Metadata-Flavor") != "Google":
        return web.Response(status=403, text="Missing Metadata-Flavor:Google header.\n", headers=FLAVOR)
    if "X-Forwarded-For" in request.headers:
        return web.Response(status=403, text="Requests with X-Forwarded-For are refused.\n", headers=FLAVOR)
    try:
        response = await handler(request)
    except web.HTTPException as error:
        error.headers.update(FLAVOR)
        raise
    response.headers.update(FLAVOR)
    return response


def _text(text: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Make a handler that always answers the same."""

    async def handle(_request: web.Request) -> web.Response:
        return web.Response(text=text)

    return handle


def _segment(content: Mapping[str, object]) -> str:
    return _base64url(json.dumps(content, separators=(",", ":")).encode())


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
