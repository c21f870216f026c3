"""Flux's job ids as people write them (RFC 19). Pure."""

from __future__ import annotations

from typing import Final

_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def format_job_id(number: int) -> str:
    """Give an id as Flux prints it: in F58.

    >>> format_job_id(6787342413402046), format_job_id(0)
    ('ƒuzzybunny', 'ƒ1')
    """
    letters = ""
    while number or not letters:
        number, position = divmod(number, len(_ALPHABET))
        letters = _ALPHABET[position] + letters
    return f"ƒ{letters}"


def parse_job_id(text: str) -> int | None:
    """Read an id in decimal, hexadecimal, dotted hexadecimal or F58; None if it is none of these.

    >>> parse_job_id("ƒuzzybunny"), parse_job_id("0x2a"), parse_job_id("0000.0000.0000.002a")
    (6787342413402046, 42, 42)
    """
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        if text.startswith("0x") or text.count(".") == 3:  # noqa: PLR2004 - four groups
            return int(text.replace(".", ""), 16)
    except ValueError:
        return None
    if text[:1] not in ("ƒ", "f") or len(text) == 1:
        return None
    number = 0
    for letter in text[1:]:
        position = _ALPHABET.find(letter)
        if position < 0:
            return None
        number = number * len(_ALPHABET) + position
    return number
