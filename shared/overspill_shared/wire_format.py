"""Messages as Pub/Sub carries them: a body of JSON, and attributes.

What cannot be read is named field by field, never with its values: one may be a key. What messages say is `messages`.
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn, TypeVar

from pydantic import ValidationError

from overspill_shared.errors import MalformedMessage
from overspill_shared.messages import SCHEMA_VERSION, Message

MAX_MESSAGE_BYTES: Final = 10_000_000
"""Pub/Sub refuses more (quotas: publish request size 10 MB)."""

M = TypeVar("M", bound=Message)


def encode(message: Message) -> tuple[bytes, dict[str, str]]:
    """Give a message's body and attributes.

    Raises MalformedMessage if it is larger than Pub/Sub takes.
    """
    body = message.model_dump_json(by_alias=True).encode()
    attributes = message.attributes()
    size = len(body) + sum(len(key) + len(value) for key, value in attributes.items())
    if size > MAX_MESSAGE_BYTES:
        raise MalformedMessage(
            f"{type(message).__name__} has {size} bytes; Pub/Sub takes at most {MAX_MESSAGE_BYTES}.",
            remedy="Gather fewer jobs into one burst, or shorten their jobspecs.",
            code="message-too-large",
        )
    return body, attributes


def decode(model: type[M], body: bytes) -> M:
    """Read a message.

    Raises MalformedMessage naming every field that is wrong, or the version that is not ours.
    """
    try:
        content = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:
        raise MalformedMessage(
            f"{model.__name__} is not JSON: {exc}.",
            remedy="Publish the JSON of docs/messages.",
            code="not-json",
        ) from None
    if not isinstance(content, dict):
        raise MalformedMessage(
            f"{model.__name__} is not a JSON object.",
            remedy="Publish the JSON of docs/messages.",
            code="not-an-object",
        )
    _check_version(model, content)
    try:
        return model.model_validate(content)
    except ValidationError as exc:
        raise MalformedMessage(
            f"{model.__name__} has wrong fields: {_fields(exc)}.",
            remedy="Compare with docs/messages, and the versions of agent and functions.",
            code="wrong-fields",
        ) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _check_version(model: type[Message], content: dict[str, Any]) -> None:
    version = str(content.get("schema_version", ""))
    if version.partition(".")[0] != SCHEMA_VERSION.partition(".")[0]:
        raise MalformedMessage(
            f"{model.__name__} has schema_version {version[:20]!r}, this side reads {SCHEMA_VERSION}.",
            remedy="Install agent and functions of the same release.",
            code="unknown-schema-version",
        )


def _fields(error: ValidationError) -> str:
    """Name each wrong field and why, without its value: a value may be anything, a key included."""
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc']) or 'message'}: {item['msg']}"
        for item in error.errors(include_url=False, include_input=False)[:10]
    )
