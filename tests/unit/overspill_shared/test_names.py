import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_shared import names

LABEL_VALUE = r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?"
"""What Kubernetes and GKE both take as a label's value, but for the empty one."""
GKE_CLUSTER_NAME = r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?"
PUBSUB_NAME = r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}"

BURST = "0123456789abcdef0123456789abcdef"

texts = st.one_of(st.text(), st.text(alphabet="aA0-_.é ", max_size=70), st.from_regex(LABEL_VALUE, fullmatch=True))
lead_names = st.from_regex(names.NAME_PATTERN, fullmatch=True)
burst_ids = st.from_regex(names.BURST_ID_PATTERN, fullmatch=True)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values, max_size=5), st.randoms())
def test_burst_id_is_independent_of_the_order_of_keys(content, random):
    items = list(content.items())
    random.shuffle(items)

    assert names.burst_id(dict(items)) == names.burst_id(content)


@given(st.dictionaries(st.text(), json_values, min_size=1, max_size=5), st.data())
def test_burst_id_changes_with_any_value(content, data):
    key = data.draw(st.sampled_from(sorted(content)))
    other = data.draw(json_values.filter(lambda value: json.dumps(value) != json.dumps(content[key])))

    assert names.burst_id({**content, key: other}) != names.burst_id(content)


@given(json_values)
def test_canonical_json_reads_back_as_the_same_value(content):
    assert json.loads(names.canonical_json(content)) == content


def test_canonical_json_has_no_text_for_nan():
    with pytest.raises(ValueError):
        names.canonical_json({"price": float("nan")})


@given(burst_ids)
def test_cluster_name_is_one_that_gke_takes(burst):
    name = names.cluster_name(burst)

    assert len(name) <= 40
    assert re.fullmatch(GKE_CLUSTER_NAME, name)
    assert names.is_cluster_name(name)


@pytest.mark.parametrize("burst", ["", BURST[:31], BURST + "0", BURST.upper(), BURST[:31] + "g", BURST + "\n"])
def test_cluster_name_of_no_burst_id_is_refused(burst):
    with pytest.raises(ValueError, match=r"is not a burst id"):
        names.cluster_name(burst)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "overspill-",
        "overspill-0123456789a",
        "overspill-0123456789abc",
        "overspill-0123456789aB",
        "overspill-0123456789ab\n",
        "x-0123456789ab",
    ],
)
def test_is_cluster_name_refuses_other_forms(name):
    assert not names.is_cluster_name(name)


@given(texts)
def test_label_value_is_always_valid(text):
    assert re.fullmatch(LABEL_VALUE, names.label_value(text))


@given(texts, texts)
def test_label_values_of_different_texts_differ(one, other):
    assert (names.label_value(one) == names.label_value(other)) == (one == other)


@pytest.mark.parametrize(
    ("text", "value"),
    [("a" * 63, "a" * 63), ("a" * 64, f"{'a' * 54}-ffe054fe"), ("!", "x-bb7208bc")],
    ids=["as long as may be", "too long", "nothing that may stand in one"],
)
def test_label_value_keeps_what_it_can(text, value):
    assert names.label_value(text) == value


@given(st.text(alphabet="aA.", min_size=1, max_size=4), st.text(alphabet="aA.", min_size=1, max_size=4))
def test_label_values_of_similar_texts_differ(one, other):
    long = "x" * 70

    assert re.fullmatch(LABEL_VALUE, names.label_value(long + one))
    assert (names.label_value(long + one) == names.label_value(long + other)) == (one == other)


@given(lead_names)
def test_label_value_leaves_names_as_they_are(name):
    assert names.label_value(name) == name


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,80}[A-Za-z0-9])?", fullmatch=True))
def test_lead_id_of_a_host_name_is_a_name(first_host):
    assert re.fullmatch(names.NAME_PATTERN, names.lead_id(first_host))


@given(st.text(), st.sampled_from("aZ"), st.text())
def test_lead_id_of_any_text_with_a_letter_is_a_name(before, letter, after):
    assert re.fullmatch(names.NAME_PATTERN, names.lead_id(before + letter + after))


@given(st.text(st.characters(exclude_categories=["L", "N", "S", "Cs"])))
def test_lead_id_of_a_text_without_letters_and_digits_asks_for_the_setting(first_host):
    with pytest.raises(ValueError, match=r"set lead_id"):
        names.lead_id(first_host)


@pytest.mark.parametrize(
    ("host", "lead"), [("lead-0", "lead"), ("flux-sample-0", "flux-sample"), ("7", "7"), ("x" * 50 + "-0", "x" * 40)]
)
def test_lead_id_is_the_host_prefix(host, lead):
    assert names.lead_id(host) == lead


@given(lead_names)
def test_pubsub_names_are_valid(lead):
    for name in (names.events_subscription(lead), *names.TOPICS, *map(names.dead_letter_topic, names.TOPICS)):
        assert re.fullmatch(PUBSUB_NAME, name)


def test_topics_and_their_dead_letter_topics_all_differ():
    assert len({*names.TOPICS, *map(names.dead_letter_topic, names.TOPICS)}) == 2 * len(names.TOPICS)


@given(st.lists(st.floats(1.7e9, 1.7e9 + 3), max_size=20), st.sets(st.integers(1_700_000_000, 1_700_000_005)))
def test_next_generation_never_repeats_whatever_the_clock_does(times, used):
    given_out = []
    for now in times:
        given_out.append(names.next_generation(now, used.union(given_out)))
        assert given_out[-1] >= int(now)

    assert len(set(given_out)) == len(given_out)
    assert used.isdisjoint(given_out)


def our_labels(**changes):
    labels = names.cluster_labels(deployment="prod", lead="lead", burst=BURST, generation=7, expires_at=1.7e9 + 0.9)
    return {**labels, **changes}


def test_cluster_labels_say_whose_and_which_burst_it_is():
    labels = our_labels()

    assert {key: labels[key] for key in ("overspill", "deployment", "lead", "burst-id", "generation", "expires")} == {
        "overspill": "true",
        "deployment": "prod",
        "lead": "lead",
        "burst-id": BURST,
        "generation": "7",
        "expires": "1700000000",
    }
    assert all(re.fullmatch(LABEL_VALUE, value) for value in labels.values())


def test_is_ours_accepts_a_cluster_with_our_name_and_labels():
    name = names.cluster_name(BURST)

    assert names.is_ours(name, our_labels(), deployment="prod")
    assert names.is_ours(name, our_labels(), deployment="prod", burst=BURST, lead="lead")


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"overspill": "false"}, {}),
        ({"deployment": "test"}, {}),
        ({"burst-id": ""}, {}),
        ({"burst-id": "f" + BURST[1:]}, {}),
        ({"burst-id": BURST[:12]}, {}),
        ({"lead": "other"}, {"lead": "lead"}),
        ({}, {"burst": BURST[:12] + "f" * 20}),
        ({}, {"lead": "lead2"}),
        ({}, {"deployment": "test"}),
    ],
)
def test_is_ours_refuses_a_cluster_where_anything_differs(changes, wanted):
    assert not names.is_ours(names.cluster_name(BURST), our_labels(**changes), **{"deployment": "prod", **wanted})


@pytest.mark.parametrize("key", ["overspill", "deployment", "burst-id", "lead"])
def test_is_ours_refuses_a_cluster_that_lacks_a_label(key):
    labels = our_labels()
    del labels[key]

    assert not names.is_ours(names.cluster_name(BURST), labels, deployment="prod", burst=BURST, lead="lead")


@pytest.mark.parametrize("name", ["prod", "overspill-ffffffffffff", f"overspill-{BURST}", f"overspill-{BURST[:12]}-x"])
def test_is_ours_refuses_a_cluster_of_another_name(name):
    assert not names.is_ours(name, our_labels(), deployment="prod")
