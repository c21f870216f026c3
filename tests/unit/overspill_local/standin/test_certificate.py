import hashlib
import stat

import pytest

from overspill_local.standin.certificate import certificate_hash, write_certificate
from overspill_shared.errors import ConfigError


def config(path):
    return {"bootstrap": {"curve_cert": str(path)}}


def test_certificate_is_private_new_each_time_and_known_by_its_hash(tmp_path):
    first, second = tmp_path / "a.cert", tmp_path / "b.cert"
    write_certificate(first)
    write_certificate(second)

    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert certificate_hash(config(first)) == hashlib.sha256(first.read_bytes()).hexdigest()
    assert certificate_hash(config(first)) != certificate_hash(config(second))


def test_certificate_that_others_could_read_is_replaced_by_a_private_one(tmp_path):
    path = tmp_path / "a.cert"
    path.write_text("old")
    write_certificate(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "secret-key" in path.read_text()


def test_certificate_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "a.cert"
    write_certificate(path)
    path.chmod(0o640)

    with pytest.raises(ConfigError, match="readable by group/other"):
        certificate_hash(config(path))


def test_certificate_that_is_missing_or_not_named_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"nosuch\.cert: No such file"):
        certificate_hash(config(tmp_path / "nosuch.cert"))
    with pytest.raises(ConfigError, match=r"bootstrap\.curve_cert is not set"):
        certificate_hash({})
