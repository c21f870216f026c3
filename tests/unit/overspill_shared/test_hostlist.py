import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_shared.hostlist import MAX_HOSTS, compress, expand, host_prefix

host_names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True)


@st.composite
def numbered_runs(draw):
    """Draw hosts with consecutive numbers, often padded, often across a change of length (8, 9, 10)."""
    prefix = draw(st.sampled_from(["", "lead-", "burst-0-", "n", "n0x", "A.b-"]))
    first = draw(st.one_of(st.integers(0, 12), st.integers(95, 105), st.integers(10**9 - 2, 10**12)))
    width = draw(st.integers(1, 4))
    return [f"{prefix}{number:0{width}d}" for number in range(first, first + draw(st.integers(1, 12)))]


host_sequences = st.lists(st.one_of(host_names.map(lambda host: [host]), numbered_runs()), max_size=6).map(
    lambda groups: [host for group in groups for host in group]
)


@given(host_sequences)
def test_compress_then_expand_keeps_hosts_order_padding_and_duplicates(hosts):
    assert list(expand(compress(hosts))) == hosts


@given(host_sequences)
def test_compress_of_the_expansion_is_stable(hosts):
    text = compress(hosts)

    assert compress(expand(text)) == text


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("", []),
        ("login", ["login"]),
        ("n[1,3-4]", ["n1", "n3", "n4"]),
        ("n[08-10]", ["n08", "n09", "n10"]),
        ("n[8-10]", ["n8", "n9", "n10"]),
        ("n[007]", ["n007"]),
        ("n[0-1].example.org", ["n0.example.org", "n1.example.org"]),
        ("b1,a0, a1", ["b1", "a0", "a1"]),
        ("a,a", ["a", "a"]),
        ("i[1234567890-1234567891]", ["i1234567890", "i1234567891"]),
    ],
)
def test_expand_gives_hosts_in_their_order(text, hosts):
    assert list(expand(text)) == hosts


@pytest.mark.parametrize(
    ("hosts", "text"),
    [
        ([], ""),
        (["n0"], "n0"),
        (["n0", "n1", "n2", "n5"], "n[0-2,5]"),
        (["n1", "n0"], "n[1,0]"),
        (["n09", "n10"], "n[09-10]"),
        (["n9", "n10"], "n[9-10]"),
        (["n09", "n010"], "n[09,010]"),
        (["a0", "b0", "a1"], "a0,b0,a1"),
        (["n0", "n0"], "n[0,0]"),
        (["a0", "b0", "b1"], "a0,b[0-1]"),
        (["n", "n1", "n2"], "n,n[1-2]"),
        (["n0", "n2", "n3", "n5"], "n[0,2-3,5]"),
    ],
)
def test_compress_makes_ranges_of_consecutive_numbers(hosts, text):
    assert compress(hosts) == text


@pytest.mark.parametrize(
    "text",
    [
        "a[0-1",
        "a0-1]",
        "a[[0]]",
        "a[0-1]b[0-1]",
        "a[]",
        "a[1-0]",
        "a[x]",
        "a[-1]",
        "a[0-]",
        "a[٣]",
        "a,,b",
        ",a",
        "a,",
        " ",
        "a b",
        "a;b",
        "$(id)",
        "-a",
        "a-",
        "a\nb",
        "a/b",
        "ä",
        "a" * 254,
        "a[" + "9" * 300 + "]",
    ],
)
def test_expand_of_anything_else_is_refused(text):
    with pytest.raises(ValueError, match=r"is not a hostlist"):
        expand(text)


@pytest.mark.parametrize(
    "text", ["a[0-999999999]", f"a[0-{MAX_HOSTS}]", f"a[0-{MAX_HOSTS // 2}],b[0-{MAX_HOSTS // 2}]"]
)
def test_expand_of_too_many_hosts_is_refused(text):
    with pytest.raises(ValueError, match="holds more than 100000 hosts"):
        expand(text)


def test_expand_takes_as_many_hosts_as_there_may_be():
    assert len(expand(f"a[1-{MAX_HOSTS}]")) == MAX_HOSTS


@pytest.mark.parametrize(
    ("host", "prefix"),
    [
        ("burst-0-3", "burst-0"),
        ("lead-0", "lead"),
        ("node007", "node"),
        ("login", "login"),
        ("login.example.org", "login.example.org"),
        ("42", "42"),
        ("-7", "-7"),
        ("n--1", "n"),
    ],
)
def test_host_prefix_drops_the_trailing_number(host, prefix):
    assert host_prefix(host) == prefix


@given(st.sampled_from(["burst-0", "lead", "a.b", "gpu-x"]), st.integers(0, 10**12))
def test_host_prefix_of_a_pod_name_is_its_minicluster(name, index):
    assert host_prefix(f"{name}-{index}") == name
