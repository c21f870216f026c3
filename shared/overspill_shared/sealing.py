"""Keys sealed for the provision function: only the holder of the private key can read them.

libsodium's sealed boxes by PyNaCl. Inside the box stand, beside the keys, the facts of the message that they belong
to; opening compares them, so that a box cannot be moved to another message. Key files are one line of text a key:
`overspill-public-key:v1:<base64>` or `overspill-private-key:v1:<base64>`; `#` starts a comment; a private key file
may hold several (the newest first), so that keys rotate without a gap.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Final

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from overspill_shared.errors import ConfigError, SealError
from overspill_shared.secrets import Secret

if TYPE_CHECKING:
    from overspill_shared.messages import BurstRequest

_PUBLIC: Final = "overspill-public-key:v1:"
_PRIVATE: Final = "overspill-private-key:v1:"
_KEY_BYTES: Final = 32


class Binding(BaseModel):
    """The facts of a message that its sealed keys are bound to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    burst_id: str
    lead: str
    host: str
    port: int
    deadline_at: float
    broker_toml_sha256: str
    app_image: str

    @classmethod
    def of(cls, request: BurstRequest) -> Binding:
        """Give the binding that a request's keys must have."""
        return cls(
            burst_id=request.burst_id,
            lead=request.lead.id,
            host=request.lead.host,
            port=request.lead.port,
            deadline_at=request.deadline_at,
            broker_toml_sha256=hashlib.sha256(request.broker_toml.encode()).hexdigest(),
            app_image=request.template.app_image or request.runtime.app_image,
        )


class Keys:
    """What burst brokers need to be let in: the curve certificate, and a munge key where one is used."""

    __slots__ = ("curve_cert", "munge_key")

    def __init__(self, *, curve_cert: Secret, munge_key: Secret | None = None) -> None:
        self.curve_cert = curve_cert
        self.munge_key = munge_key

    def __repr__(self) -> str:
        return f"Keys(curve_cert={self.curve_cert!r}, munge_key={self.munge_key!r})"


class _Sealed(BaseModel):
    """The content of the box, as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    binding: Binding
    curve_cert: str = Field(repr=False)
    munge_key: str | None = Field(default=None, repr=False)


def generate_keypair() -> tuple[str, Secret]:
    """Give a new (public key line, private key line)."""
    private = PrivateKey.generate()
    return (
        _PUBLIC + base64.b64encode(bytes(private.public_key)).decode(),
        Secret((_PRIVATE + base64.b64encode(bytes(private)).decode()).encode()),
    )


def seal(keys: Keys, binding: Binding, public_key: str) -> str:
    """Seal keys for the holder of the private key; the result is base64, safe to travel.

    Raises ConfigError if the public key's text is none.
    """
    content = _Sealed(
        binding=binding,
        curve_cert=_b64(keys.curve_cert),
        munge_key=None if keys.munge_key is None else _b64(keys.munge_key),
    )
    box = SealedBox(_parse_public(public_key))
    return base64.b64encode(box.encrypt(content.model_dump_json().encode())).decode()


def unseal(sealed: str, binding: Binding, private_keys: Secret) -> Keys:
    """Open sealed keys and compare what they are bound to.

    Raises SealError if no private key opens them, or if they belong to another message; ConfigError if
    `private_keys` holds no key.
    """
    content = _open(sealed, private_keys)
    wrong = [name for name in Binding.model_fields if getattr(content.binding, name) != getattr(binding, name)]
    if wrong:
        raise SealError(
            f"sealed_keys belong to another message: {', '.join(wrong)} differ.",
            remedy="Publish the request again from its own agent; a changed copy is never fulfilled.",
            code="seal-mismatch",
        )
    return Keys(
        curve_cert=_unb64(content.curve_cert),
        munge_key=None if content.munge_key is None else _unb64(content.munge_key),
    )


def parse_public_key(text: str) -> str:
    """Give the one public key line of a key file's text.

    Raises ConfigError if there is none.
    """
    lines = _lines(text, _PUBLIC)
    if not lines:
        raise ConfigError(
            f"no public key found: a line {_PUBLIC}<base64> was expected.",
            remedy="Make a pair with `overspill keygen`, or read it from the output of the deployment.",
            code="public-key",
        )
    _parse_public(lines[0])
    return lines[0]


def check_private_keys(private_keys: Secret) -> None:
    """Check that a private key file's text holds keys, as `unseal` wants it.

    Raises ConfigError if there is none, or a line is wrong.
    """
    _parse_private(private_keys)


def _open(sealed: str, private_keys: Secret) -> _Sealed:
    try:
        box = base64.b64decode(sealed, validate=True)
    except (binascii.Error, ValueError):
        raise SealError("sealed_keys is not base64.", remedy="Publish it as the agent does.") from None
    for key in _parse_private(private_keys):
        try:
            return _Sealed.model_validate_json(SealedBox(key).decrypt(box))
        except CryptoError:
            continue
        except ValidationError:
            raise _not_ours() from None
    raise SealError(
        "sealed_keys cannot be opened with this function's private key.",
        remedy="Give the agent this deployment's current public key (setting public_key).",
        code="seal-wrong-key",
    )


def _not_ours() -> SealError:
    return SealError(
        "sealed_keys opened, but their content is not ours.",
        remedy="Install agent and functions of the same release.",
        code="seal-content",
    )


def _b64(secret: Secret) -> str:
    return base64.b64encode(secret.reveal()).decode()


def _unb64(text: str) -> Secret:
    try:
        return Secret(base64.b64decode(text, validate=True))
    except ValueError:
        raise _not_ours() from None


def _lines(text: str, prefix: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip().startswith(prefix)]


def _parse_public(line: str) -> PublicKey:
    return PublicKey(_decode_key(line, _PUBLIC))


def _parse_private(text: Secret) -> list[PrivateKey]:
    lines = _lines(text.reveal().decode(errors="replace"), _PRIVATE)
    if not lines:
        raise ConfigError(
            f"no private key found: a line {_PRIVATE}<base64> was expected.",
            remedy="Give the function the private key of the deployment (OVERSPILL_PRIVATE_KEY or …_FILE).",
            code="private-key",
        )
    return [PrivateKey(_decode_key(line, _PRIVATE)) for line in lines]


def _decode_key(line: str, prefix: str) -> bytes:
    try:
        raw = base64.b64decode(line.strip().removeprefix(prefix), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not line.strip().startswith(prefix) or len(raw) != _KEY_BYTES:
        raise ConfigError(
            f"a key line must be {prefix}<base64 of {_KEY_BYTES} bytes>.",
            remedy="Make a pair with `overspill keygen`.",
            code="key-format",
        )
    return raw
