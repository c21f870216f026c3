"""The attribute filter language of Pub/Sub subscriptions.

Lives here: text in, predicate over a message's attributes out.
Must not live here: protobufs, gRPC, and what becomes of a message that does not match.

    filter    = term { "AND" term } | term { "OR" term }     (mixing the two needs parentheses)
    term      = ( "NOT" | "-" ) term | "(" filter ")" | condition
    condition = "attributes" ":" key
              | "attributes" "." key ( "=" | "!=" ) string
              | "hasPrefix" "(" "attributes" "." key "," string ")"
    key       = letters, digits, "_" and "-", or a string

Source: https://cloud.google.com/pubsub/docs/subscription-message-filter#filtering_syntax
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Filter: TypeAlias = Callable[[Mapping[str, str]], bool]

MAX_FILTER_BYTES = 256


class FilterError(ValueError):
    """A text that is no filter. The operator's fault: the text says where and what was expected."""


def compile_filter(text: str) -> Filter:
    """Return the predicate that `text` describes; blank text matches everything.

    Raises FilterError for a text that is longer than 256 bytes in UTF-8, or not in the language.
    """
    if len(text.encode()) > MAX_FILTER_BYTES:
        raise FilterError(f"the filter has {len(text.encode())} bytes; at most {MAX_FILTER_BYTES} are allowed")
    if not text.strip():
        return lambda _attributes: True
    return _Parser(text).parse()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # "word", "string", "sign" or "end"
    text: str
    position: int


_TOKEN = re.compile(
    r"""\s*(?:(?P<word>\w[\w-]*)|(?P<string>"(?:[^"\\]|\\.)*")|(?P<sign>!=|[().,:=-]))""",
    re.ASCII | re.DOTALL,
)


def _tokenize(text: str) -> list[_Token]:
    text = text.rstrip()
    tokens = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise FilterError(f"at character {position}: {text[position:].strip()!r} is not understood")
        kind = match.lastgroup
        tokens.append(_Token(kind, match[kind], match.start(kind)))
        position = match.end()
    return [*tokens, _Token("end", "the end", position)]


class _Parser:
    """One pass over the tokens, one method a rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._tokens = iter(_tokenize(text))
        self._token = next(self._tokens)

    def parse(self) -> Filter:
        result = self._filter()
        if self._token.kind != "end":
            raise self._expected("AND, OR or the end")
        return result

    def _filter(self) -> Filter:
        terms = [self._term()]
        operator = self._token.text if self._is("word", "AND", "OR") else ""
        while operator and self._accept("word", operator):
            terms.append(self._term())
        if self._is("word", "AND", "OR"):
            raise FilterError(f"at character {self._token.position}: put parentheses around AND beside OR")
        return _any_of(terms) if operator == "OR" else _all_of(terms)

    def _term(self) -> Filter:
        if self._accept("word", "NOT") or self._accept("sign", "-"):
            return _negation(self._term())
        if self._accept("sign", "("):
            inner = self._filter()
            self._expect("sign", ")")
            return inner
        return self._condition()

    def _condition(self) -> Filter:
        if self._accept("word", "hasPrefix"):
            return self._prefix_condition()
        self._expect("word", "attributes")
        if self._accept("sign", ":"):
            return _has_key(self._key())
        self._expect("sign", ".")
        key = self._key()
        if self._accept("sign", "="):
            return _has_value(key, self._string())
        self._expect("sign", "!=")
        return _negation(_has_value(key, self._string()))

    def _prefix_condition(self) -> Filter:
        self._expect("sign", "(")
        self._expect("word", "attributes")
        self._expect("sign", ".")
        key = self._key()
        self._expect("sign", ",")
        prefix = self._string()
        self._expect("sign", ")")
        return _has_prefix(key, prefix)

    def _key(self) -> str:
        if self._token.kind == "word":
            return self._next().text
        return self._string()

    def _string(self) -> str:
        if self._token.kind != "string":
            raise self._expected("a string in double quotes")
        return _unquote(self._next())

    def _is(self, kind: str, *texts: str) -> bool:
        return self._token.kind == kind and self._token.text in texts

    def _accept(self, kind: str, text: str) -> bool:
        found = self._is(kind, text)
        if found:
            self._next()
        return found

    def _expect(self, kind: str, text: str) -> None:
        if not self._accept(kind, text):
            raise self._expected(text)

    def _next(self) -> _Token:
        token, self._token = self._token, next(self._tokens)
        return token

    def _expected(self, what: str) -> FilterError:
        return FilterError(f"at character {self._token.position}: expected {what}, found {self._token.text}")


def _any_of(terms: list[Filter]) -> Filter:
    return lambda attributes: any(term(attributes) for term in terms)


def _all_of(terms: list[Filter]) -> Filter:
    return lambda attributes: all(term(attributes) for term in terms)


def _negation(term: Filter) -> Filter:
    return lambda attributes: not term(attributes)


def _has_key(key: str) -> Filter:
    return lambda attributes: key in attributes


def _has_value(key: str, value: str) -> Filter:
    return lambda attributes: key in attributes and attributes[key] == value


def _has_prefix(key: str, prefix: str) -> Filter:
    return lambda attributes: key in attributes and attributes[key].startswith(prefix)


_ESCAPE = re.compile(
    r"\\(?:u(?P<u>[0-9A-Fa-f]{4})|U(?P<U>[0-9A-Fa-f]{8})|x(?P<x>[0-9A-Fa-f]{2})|(?P<octal>[0-7]{3})|(?P<char>.))",
    re.DOTALL,
)
_ESCAPED_CHARACTERS = {
    "\\": "\\",
    '"': '"',
    "'": "'",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}


def _unquote(token: _Token) -> str:
    def replace(match: re.Match[str]) -> str:
        if match.lastgroup == "char":
            character = _ESCAPED_CHARACTERS.get(match["char"])
        else:
            digits = match[match.lastgroup or 0]
            character = _unicode_character(int(digits, 8 if match.lastgroup == "octal" else 16))
        if character is None:
            raise FilterError(f"at character {token.position}: {match[0]} is no escape sequence")
        return character

    return _ESCAPE.sub(replace, token.text[1:-1])


def _unicode_character(code_point: int) -> str | None:
    is_surrogate = 0xD800 <= code_point <= 0xDFFF  # noqa: PLR2004 - the Unicode standard's bounds
    return None if is_surrogate or code_point > 0x10FFFF else chr(code_point)  # noqa: PLR2004
