from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_local.pubsub.filters import MAX_FILTER_BYTES, FilterError, compile_filter

KEYS = st.sampled_from(["lead", "kind", "ce-type", "x_1"])
VALUES = st.sampled_from(["", "a", "ab", "b", 'q"\\', "é"])
ATTRIBUTES = st.dictionaries(KEYS, VALUES)
CONDITIONS = st.one_of(
    st.tuples(st.just("has"), KEYS),
    st.tuples(st.just("="), KEYS, VALUES),
    st.tuples(st.just("!="), KEYS, VALUES),
    st.tuples(st.just("prefix"), KEYS, VALUES),
)
# Conditions of some 20 bytes: three levels of two stay under the limit of 256.
TREES = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["NOT ", "-"]), inner),
        st.tuples(st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=5,
)


def quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def render(tree) -> str:
    match tree:
        case ("has", key):
            return f"attributes:{key}"
        case ("=" | "!=" as operator, key, value):
            return f"attributes.{key} {operator} {quote(value)}"
        case ("prefix", key, value):
            return f"hasPrefix(attributes.{key}, {quote(value)})"
        case ("NOT " | "-" as sign, inner):
            return f"{sign}({render(inner)})"
        case (operator, terms):
            return f" {operator} ".join(f"({render(term)})" for term in terms)


def evaluate(tree, attributes) -> bool:
    match tree:
        case ("has" | "=" | "!=" | "prefix" as operator, key, *value):
            found = attributes.get(key)
            return {
                "has": found is not None,
                "=": [found] == value,
                "!=": [found] != value,
                "prefix": found is not None and value != [] and found.startswith(value[0]),
            }[operator]
        case ("NOT " | "-", inner):
            return not evaluate(inner, attributes)
        case (operator, terms):
            combine = all if operator == "AND" else any
            return combine(evaluate(term, attributes) for term in terms)


@given(TREES.filter(lambda tree: len(render(tree).encode()) <= MAX_FILTER_BYTES), ATTRIBUTES)
def test_filter_of_any_shape_agrees_with_direct_evaluation(tree, attributes):
    assert compile_filter(render(tree))(attributes) is evaluate(tree, attributes)


@given(st.text(alphabet=' ()-=!.,:"\\ANDORTtribuesPfxh1', max_size=60))
def test_filter_from_any_text_compiles_or_raises_filter_error(text):
    try:
        matches = compile_filter(text)
    except FilterError:
        return
    assert matches({}) in {True, False}


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20))
def test_quoted_value_with_any_characters_matches_exactly_itself(value):
    matches = compile_filter(f"attributes.k = {quote(value)}")

    assert matches({"k": value})
    assert not matches({"k": value + "x"})


@pytest.mark.parametrize(
    ("text", "attributes", "expected"),
    [
        ("", {}, True),
        ("  \n", {}, True),
        ('attributes.lead="a"', {"lead": "a"}, True),
        ('attributes.lead = "a"', {}, False),
        ('attributes.lead != "a"', {}, True),
        ('attributes.lead = "A"', {"lead": "a"}, False),
        ('attributes.ce-type = "x"', {"ce-type": "x"}, True),
        ('attributes."iana.org/language_tag" = "en"', {"iana.org/language_tag": "en"}, True),
        ('attributes:"iana.org/language_tag"', {"iana.org/language_tag": ""}, True),
        ("-attributes:lead", {"lead": "a"}, False),
        ("NOT NOT attributes:lead", {"lead": "a"}, True),
        ("NOT attributes:a OR attributes:b", {"a": "", "b": ""}, True),
        ("NOT (attributes:a OR attributes:b)", {"a": "", "b": ""}, False),
        ('attributes:a AND (attributes.b = "x" OR attributes.b = "y")', {"a": "", "b": "y"}, True),
        ('attributes.AND = "x" AND attributes:NOT', {"AND": "x", "NOT": ""}, True),
        (r'attributes:"\u307F\u3093\u306A"', {"みんな": ""}, True),
        (r'attributes.k = "\x41\102\U0001F600\t\\"', {"k": "AB😀\t\\"}, True),
        ('hasPrefix(attributes.lead, "a-")', {}, False),
    ],
)
def test_filter_of_the_documented_language_matches_as_documented(text, attributes, expected):
    assert compile_filter(text)(attributes) is expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("attributes.lead = a", "expected a string in double quotes, found a"),
        ("attributes.lead", "expected !=, found the end"),
        ('attributes.lead < "a"', "'< \"a\"' is not understood"),
        ('data = "a"', "expected attributes, found data"),
        ('hasSuffix(attributes.a, "b")', "expected attributes, found hasSuffix"),
        ("(attributes:a", "expected ), found the end"),
        ("attributes:a)", "expected AND, OR or the end, found )"),
        ("attributes:a attributes:b", "expected AND, OR or the end, found attributes"),
        ("attributes:a and attributes:b", "expected AND, OR or the end, found and"),
        ("attributes:a AND attributes:b OR attributes:c", "put parentheses around AND beside OR"),
        ("NOTattributes:a", "expected attributes, found NOTattributes"),
        ('attributes.a = "b', "is not understood"),
        (r'attributes.a = "\q"', r"\q is no escape sequence"),
        (r'attributes.a = "\ud800"', r"\ud800 is no escape sequence"),
        (r'attributes.a = "\U00110000"', r"\U00110000 is no escape sequence"),
        ("(" * MAX_FILTER_BYTES, "expected attributes, found the end"),
        ("-" * MAX_FILTER_BYTES, "expected attributes, found the end"),
    ],
)
def test_filter_outside_the_language_raises_naming_what_was_expected(text, complaint):
    with pytest.raises(FilterError) as raised:
        compile_filter(text)

    assert complaint in str(raised.value)
    assert "at character" in str(raised.value)


def test_filter_of_256_bytes_compiles_and_of_257_raises():
    padding = "é" * ((MAX_FILTER_BYTES - len('attributes.k = ""')) // 2)
    text = f'attributes.k = "{padding}"'
    text += " " * (MAX_FILTER_BYTES - len(text.encode()))

    assert compile_filter(text)({"k": padding})
    with pytest.raises(FilterError, match="257 bytes; at most 256"):
        compile_filter(text + " ")
