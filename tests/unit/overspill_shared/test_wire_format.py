import json

import pytest

from overspill_shared import messages as m
from overspill_shared.errors import CapacityUnavailable, MalformedMessage
from overspill_shared.wire_format import decode, encode

every_model = pytest.mark.parametrize("model", m.MESSAGES, ids=lambda model: model.__name__)


@pytest.fixture
def examples(burst_request, teardown_request, lease_renewal, burst_event):
    """Give one valid message of each model."""
    made = [burst_request(), teardown_request(), lease_renewal(), m.Sweep(), burst_event()]
    return {type(message): message for message in made}


@pytest.fixture(params=m.MESSAGES, ids=lambda model: model.__name__)
def example(request, examples):
    return examples[request.param]


def content_of(message):
    return json.loads(encode(message)[0])


def refusal(model, body):
    with pytest.raises(MalformedMessage) as caught:
        decode(model, body if isinstance(body, bytes) else json.dumps(body).encode())
    return caught.value


def test_decode_accepts_a_newer_minor_version_with_fields_it_does_not_know(example):
    content = {**content_of(example), "schema_version": "1.7", "new_field": {"any": ["thing"]}}

    decoded = decode(type(example), json.dumps(content).encode())

    assert decoded == example.model_copy(update={"schema_version": "1.7"})


def test_decode_accepts_unknown_fields_in_nested_tables(burst_request):
    request = burst_request()
    content = content_of(request)
    content["runtime"]["new_field"] = content["jobs"][0]["new_field"] = 1

    assert decode(m.BurstRequest, json.dumps(content).encode()) == request


@pytest.mark.parametrize("version", ["2.0", "0.9", "10.0", "", "x", None, 2, {"a": 1}])
def test_decode_refuses_an_unknown_major_version(example, version):
    error = refusal(type(example), {**content_of(example), "schema_version": version})

    assert error.code == "unknown-schema-version"
    assert "schema_version" in error.text
    assert error.remedy


def test_decode_refuses_a_message_without_version(example):
    content = content_of(example)
    del content["schema_version"]

    assert refusal(type(example), content).code == "unknown-schema-version"


@pytest.mark.parametrize("version", [1, "1", "1.", "1.x", "1.0.0", "1.٣", "1.0\n", "1." + "0" * 2000])
def test_decode_refuses_a_version_of_another_form(version):
    assert refusal(m.Sweep, {"schema_version": version}).code == "wrong-fields"


@every_model
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"nil", b'{"a":1}x', b"NaN", b'{"generation":Infinity}', b"[" * 100_000, b"9" * 5000],
    ids=["empty", "open", "bytes", "word", "tail", "nan", "infinity", "deep", "long"],
)
def test_decode_refuses_what_is_no_json(model, body):
    error = refusal(model, body)

    assert error.code == "not-json"
    assert model.__name__ in error.text


@every_model
@pytest.mark.parametrize("body", [b"[]", b'["canary"]', b'"canary"', b"1", b"null", b"true"])
def test_decode_refuses_json_that_is_no_object(model, body):
    error = refusal(model, body)

    assert error.code == "not-an-object"
    assert "canary" not in str(error)


FIELDS = [(model, key) for model in m.MESSAGES for key in model.model_fields if key != "schema_version"]


@pytest.mark.parametrize("model", [model for model in m.MESSAGES if model is not m.Sweep])
def test_decode_names_the_missing_fields(model):
    needed = [key for key, field in model.model_fields.items() if field.is_required()]

    error = refusal(model, {"schema_version": "1.0"})

    assert error.code == "wrong-fields"
    assert all(f"{key}: Field required" in error.text for key in needed[:10])


@pytest.mark.parametrize(("model", "key"), FIELDS, ids=[f"{model.__name__}.{key}" for model, key in FIELDS])
def test_decode_names_any_wrong_field_and_never_its_value(examples, model, key):
    error = refusal(model, {**content_of(examples[model]), key: ["canary"]})

    assert error.code == "wrong-fields"
    assert key in error.text
    assert "canary" not in str(error)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["burst_id"], "canary"),
        (["deployment"], "Canary canary"),
        (["zone"], "canary"),
        (["zone"], "us-central٣-a"),
        (["lead", "host"], "canary canary"),
        (["lead", "port"], 65536),
        (["lead", "port"], "canary"),
        (["size"], 0),
        (["hostlist"], ["canary"]),
        (["sealed_keys"], {"canary": "canary"}),
        (["sealed_keys"], "canary" * 20_000),
        (["broker_toml"], "canary" * 200_000),
        (["template", "zones"], []),
        (["template", "price_usd_per_h"], -1),
        (["template", "machine_type"], "canary;canary"),
        (["runtime", "app_image"], "$(canary)"),
        (["runtime", "prefix"], "canary"),
        (["runtime", "flux_version"], "0.88.0 canary"),
        (["runtime", "topology"], "kary:canary"),
        (["runtime", "topology"], "kary:٣"),
        (["deadline_at"], "canary"),
        (["deadline_at"], 0),
        (["jobs", 0, "jobspec"], "canary"),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, list) else "",
)
def test_decode_names_where_a_wrong_value_stands_and_never_the_value(burst_request, path, value):
    content = content_of(burst_request())
    table = content
    for part in path[:-1]:
        table = table[part]
    table[path[-1]] = value

    error = refusal(m.BurstRequest, content)

    assert error.code == "wrong-fields"
    assert f"{'.'.join(map(str, path))}: " in error.text
    assert "canary" not in str(error).lower()


def test_decode_names_several_wrong_fields_at_once(burst_event):
    error = refusal(m.BurstEvent, {**content_of(burst_event()), "kind": "canary", "lead": "-", "revision": 0})

    assert all(f"{key}: " in error.text for key in ("kind", "lead", "revision"))
    assert "canary" not in str(error)


def test_encode_refuses_a_message_that_pubsub_would_not_take(burst_request):
    job = burst_request().jobs[0].model_copy(update={"jobspec": {"command": "x" * 1_000_000}})

    assert encode(burst_request(jobs=(job,) * 9))
    with pytest.raises(MalformedMessage, match=r"BurstRequest has \d+ bytes") as caught:
        encode(burst_request(jobs=(job,) * 10))

    assert caught.value.code == "message-too-large"
    assert caught.value.remedy


def of_size(burst_request, size):
    """Give a request of so many bytes, attributes included."""

    def padded(by):
        job = burst_request().jobs[0]
        return burst_request(jobs=(job.model_copy(update={"jobspec": {"command": "x" * by}}),))

    body, attributes = encode(padded(0))
    return padded(size - len(body) - sum(map(len, (*attributes, *attributes.values()))))


def test_encode_takes_as_many_bytes_as_pubsub_and_not_one_more(burst_request):
    assert encode(of_size(burst_request, 10_000_000))

    with pytest.raises(MalformedMessage, match="has 10000001 bytes; Pub/Sub takes at most 10000000"):
        encode(of_size(burst_request, 10_000_001))


def test_event_error_is_called_class_on_the_wire(burst_event):
    error = m.event_error(CapacityUnavailable("No nodes.", remedy="Try another zone."))

    content = content_of(burst_event(kind="failed", error=error))

    assert content["error"] == {
        "class": "capacity",
        "code": "stockout",
        "text": "No nodes.",
        "remedy": "Try another zone.",
    }
    assert decode(m.BurstEvent, json.dumps(content).encode()).error == error
