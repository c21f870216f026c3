import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_local.kube.selectors import SelectorError, parse_field_selector, parse_label_selector

LABELS = {"app": "flux", "tier": "burst", "overspill.dev/burst-id": "b1", "empty": ""}
NAMES = st.sampled_from(["a", "b", "x.y/z"])
VALUES = st.sampled_from(["1", "2", ""])


@pytest.mark.parametrize(
    ("text", "is_match"),
    [
        ("", True),
        ("  ", True),
        ("app=flux", True),
        ("app==flux", True),
        ("app = flux , tier = burst", True),
        ("app=flux,tier=other", False),
        ("app!=flux", False),
        ("absent!=x", True),
        ("overspill.dev/burst-id=b1", True),
        ("empty=", True),
        ("app=", False),
        ("app", True),
        ("absent", False),
        ("!absent", True),
        ("! app", False),
        ("app in (flux, other)", True),
        ("app in (other)", False),
        ("app notin (other),tier in (burst)", True),
        ("app notin (flux)", False),
        ("absent notin (flux)", True),
        ("absent in ()", False),
        ("empty in ()", True),
    ],
)
def test_label_selector_matches_as_documented(text, is_match):
    assert parse_label_selector(text).matches(LABELS) is is_match


@pytest.mark.parametrize("text", ["a b", "a=b=c", "a in b", "=x", "a,", "a in (x", "-a=b", "a>1"])
def test_label_selector_that_is_none_is_refused(text):
    with pytest.raises(SelectorError):
        parse_label_selector(text)


@given(NAMES, VALUES, st.dictionaries(NAMES, VALUES))
def test_equality_and_set_selectors_agree(name, value, labels):
    def matches(text):
        return parse_label_selector(text).matches(labels)

    assert matches(f"{name}={value}") == matches(f"{name} in ({value})") == (labels.get(name) == value)
    assert matches(f"{name}!={value}") == matches(f"{name} notin ({value})") == (not matches(f"{name}={value}"))


@given(st.lists(st.sampled_from(["a=1", "b", "!a", "b in (1,2)", "a!=2"]), max_size=4), st.dictionaries(NAMES, VALUES))
def test_parts_of_a_selector_must_all_match(parts, labels):
    whole = parse_label_selector(",".join(parts)).matches(labels)
    assert whole == all(parse_label_selector(part).matches(labels) for part in parts)


POD = {"metadata": {"name": "p", "namespace": "n"}, "spec": {"nodeName": "one"}, "status": {"phase": "Running"}}


@pytest.mark.parametrize(
    ("text", "is_match"),
    [
        ("", True),
        ("metadata.name=p", True),
        ("metadata.name==p,metadata.namespace=n", True),
        ("metadata.name!=p", False),
        ("status.phase=Running,spec.nodeName!=two", True),
        ("status.podIP=", True),
    ],
)
def test_field_selector_matches_as_documented(text, is_match):
    supported = {"status.phase", "spec.nodeName", "status.podIP"}
    assert parse_field_selector(text, supported).matches(POD) is is_match


@pytest.mark.parametrize("text", ["spec.size=1", "metadata.labels=x"])
def test_field_selector_of_an_unsupported_field_is_refused(text):
    with pytest.raises(SelectorError, match="field label not supported"):
        parse_field_selector(text)


@pytest.mark.parametrize("text", ["metadata.name", "=p"])
def test_field_selector_that_is_none_is_refused(text):
    with pytest.raises(SelectorError, match="invalid selector"):
        parse_field_selector(text)
