import base64
import json
import logging
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.public import PublicKey, SealedBox

from overspill_shared import log, sealing
from overspill_shared.errors import ConfigError, ErrorClass, SealError
from overspill_shared.messages import BurstRequest
from overspill_shared.sealing import Binding, Keys, generate_keypair, parse_public_key, seal, unseal
from overspill_shared.secrets import Secret
from overspill_shared.wire_format import decode, encode

BINDING = Binding(
    burst_id="0" * 32,
    lead="lead",
    host="lead.example.org",
    port=8050,
    deadline_at=1_760_000_000.25,
    broker_toml_sha256="1" * 64,
    app_image="example.org/app:1",
)
bindings = st.builds(
    Binding,
    burst_id=st.text(),
    lead=st.text(),
    host=st.text(),
    port=st.integers(1, 65535),
    deadline_at=st.floats(0, 1e11),
    broker_toml_sha256=st.text(),
    app_image=st.text(),
)


def boxed(content, public_key):
    """Seal any content for the holder of the key, as a stranger with the public key could."""
    key = PublicKey(base64.b64decode(public_key.rpartition(":")[2]))
    return base64.b64encode(SealedBox(key).encrypt(content)).decode()


@given(cert=st.binary(), munge=st.none() | st.binary(), binding=bindings)
def test_unseal_gives_the_keys_that_were_sealed(keypair, cert, munge, binding):
    public, private = keypair
    keys = Keys(curve_cert=Secret(cert), munge_key=None if munge is None else Secret(munge))

    opened = unseal(seal(keys, binding, public), binding, private)

    assert opened.curve_cert == keys.curve_cert
    assert opened.munge_key == keys.munge_key


def test_unseal_opens_the_keys_of_a_request_that_travelled(burst_request, keypair, keys):
    received = decode(BurstRequest, encode(burst_request())[0])

    assert unseal(received.sealed_keys, Binding.of(received), keypair[1]).curve_cert == keys.curve_cert


CHANGES = [
    ({"burst_id": "f" * 32}, "burst_id"),
    ({"lead": {"id": "other"}}, "lead"),
    ({"lead": {"host": "elsewhere.example.org"}}, "host"),
    ({"lead": {"port": 8051}}, "port"),
    ({"deadline_at": 1_760_009_999.0}, "deadline_at"),
    ({"broker_toml": "[bootstrap]\n"}, "broker_toml_sha256"),
    ({"runtime": {"app_image": "example.org/app:2"}}, "app_image"),
    ({"template": {"app_image": "example.org/app:2"}}, "app_image"),
]


@pytest.mark.parametrize(("change", "field"), CHANGES, ids=str)
def test_unseal_in_a_changed_request_names_the_field(burst_request, keypair, change, field):
    request = burst_request()
    about = {"burst_id": request.burst_id, "broker_toml": request.broker_toml, "sealed_keys": request.sealed_keys}
    changed = burst_request(**{**about, **change})

    with pytest.raises(SealError, match=rf"another message: {field} differ\.") as caught:
        unseal(changed.sealed_keys, Binding.of(changed), keypair[1])

    assert caught.value.code == "seal-mismatch"
    assert caught.value.error_class is ErrorClass.CONFIG


def test_changes_above_forget_no_field_of_the_binding():
    assert {field for _, field in CHANGES} == set(Binding.model_fields)


def test_unseal_names_all_fields_that_differ(keys, keypair):
    sealed = seal(keys, BINDING, keypair[0])

    with pytest.raises(SealError, match=r"host, port differ"):
        unseal(sealed, BINDING.model_copy(update={"host": "x", "port": 1}), keypair[1])


def test_unseal_with_another_private_key_says_so(keys, keypair):
    sealed = seal(keys, BINDING, keypair[0])

    with pytest.raises(SealError, match=r"cannot be opened") as caught:
        unseal(sealed, BINDING, generate_keypair()[1])

    assert caught.value.code == "seal-wrong-key"


@pytest.mark.parametrize("newest_first", [True, False])
def test_unseal_tries_every_private_key_of_the_file(keys, keypair, newest_first):
    lines = [generate_keypair()[1].reveal(), keypair[1].reveal()]
    file = b"# rotated\n\n" + b"\n".join(lines if newest_first else reversed(lines)) + b"\n# end\n"

    opened = unseal(seal(keys, BINDING, keypair[0]), BINDING, Secret(file))

    assert opened.curve_cert == keys.curve_cert


@pytest.mark.parametrize("sealed", ["", "AAAA", "not base64!", "é", base64.b64encode(b"\x00" * 200).decode()])
def test_unseal_of_something_else_is_refused(sealed, keypair):
    with pytest.raises(SealError) as caught:
        unseal(sealed, BINDING, keypair[1])

    assert caught.value.remedy


def test_unseal_of_a_damaged_box_is_refused(keys, keypair):
    box = bytearray(base64.b64decode(seal(keys, BINDING, keypair[0])))
    box[60] ^= 1

    with pytest.raises(SealError, match=r"cannot be opened"):
        unseal(base64.b64encode(box).decode(), BINDING, keypair[1])


@pytest.mark.parametrize(
    "content",
    [
        b"canary",
        b"{}",
        json.dumps({"curve_cert": "canary"}).encode(),
        json.dumps({"binding": BINDING.model_dump(), "curve_cert": ["canary"]}).encode(),
        json.dumps({"binding": BINDING.model_dump(), "curve_cert": "Y2FuYXJ5", "more": "canary"}).encode(),
        json.dumps({"binding": BINDING.model_dump(), "curve_cert": "canary!"}).encode(),
        json.dumps({"binding": BINDING.model_dump(), "curve_cert": "Y2FuYXJ5", "munge_key": "canäry"}).encode(),
    ],
)
def test_unseal_of_other_content_is_refused_without_showing_it(keypair, content):
    with pytest.raises(SealError, match=r"content is not ours") as caught:
        unseal(boxed(content, keypair[0]), BINDING, keypair[1])

    assert caught.value.code == "seal-content"
    assert "canary" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("file", [b"", b"# nothing\n", b"\xff\xfe", b"canary\n"])
def test_unseal_without_a_private_key_is_a_setting_s_fault(keys, keypair, file):
    with pytest.raises(ConfigError, match=r"no private key found") as caught:
        unseal(seal(keys, BINDING, keypair[0]), BINDING, Secret(file))

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "canary", "Y2FuYXJ5", "Y2FuYXJ5" * 8])
def test_key_lines_of_another_form_are_refused_without_showing_them(keys, keypair, key):
    sealed = seal(keys, BINDING, keypair[0])

    for use in (
        lambda: seal(keys, BINDING, f"overspill-public-key:v1:{key}"),
        lambda: seal(keys, BINDING, key),
        lambda: parse_public_key(f"overspill-public-key:v1:{key}"),
        lambda: unseal(sealed, BINDING, Secret(f"overspill-private-key:v1:{key}".encode())),
    ):
        with pytest.raises(ConfigError, match=r"base64 of 32 bytes") as caught:
            use()
        assert caught.value.code == "key-format"
        assert not key or key not in str(caught.value)


def test_public_key_of_another_version_is_refused(keys):
    with pytest.raises(ConfigError, match=r"overspill-public-key:v1:"):
        seal(keys, BINDING, generate_keypair()[0].replace(":v1:", ":v2:"))


def test_parse_public_key_finds_the_line_among_comments(keypair):
    assert parse_public_key(f"# of deployment prod\n  {keypair[0]}  \n") == keypair[0]


@pytest.mark.parametrize("text", ["", "# nothing", "overspill-private-key:v1:AAAA"])
def test_parse_public_key_of_a_text_without_one_is_refused(text):
    with pytest.raises(ConfigError, match=r"no public key found") as caught:
        parse_public_key(text)

    assert caught.value.code == "public-key"
    assert "AAAA" not in str(caught.value)


def test_generated_keys_are_lines_and_the_private_one_is_masked():
    public, private = generate_keypair()

    assert parse_public_key(public) == public
    assert private.reveal().startswith(b"overspill-private-key:v1:")
    assert "\n" not in public
    assert private.reveal().decode() not in f"{private} {private!r}"


def logged(**extra):
    record = logging.makeLogRecord({"msg": "sealed %s", "args": (extra["keys"],), **extra})
    return log.JsonFormatter().format(record)


def test_keys_show_up_in_no_text_that_leaves_the_process(burst_request, keys, keypair):
    request = burst_request()
    body, attributes = encode(request)
    with pytest.raises(SealError) as caught:
        unseal(request.sealed_keys, BINDING, keypair[1])
    opened = unseal(request.sealed_keys, Binding.of(request), keypair[1])
    content = sealing._open(request.sealed_keys, keypair[1])
    shown = [
        repr(keys),
        str(opened),
        repr(content),
        str(content),
        repr(request),
        body.decode(),
        json.dumps(attributes),
        str(caught.value),
        repr(caught.value),
        "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()),
        logged(keys=keys, opened=opened, all=[keys.curve_cert]),
    ]

    for secret in (b"canary", keys.curve_cert.reveal(), keys.munge_key.reveal(), keypair[1].reveal()):
        forms = {secret.decode(), repr(secret)[2:-1], base64.b64encode(secret).decode()}
        assert not [(form, text) for form in forms for text in shown if form in text]
