import pytest
from tests.unit.overspill_agent.examples import make_facts

from overspill_agent import munge_key
from overspill_agent.munge_key import read_munge_key
from overspill_shared.errors import ConfigError
from overspill_shared.secrets import Secret

MULTI_USER = make_facts(config={"exec": {"imp": "/usr/libexec/flux/flux-imp"}})
SIGN = '[sign]\nmax-ttl = 1209600\ndefault-type = "munge"\nallowed-types = ["munge"]\n'


@pytest.fixture
def etc(tmp_path):
    """Give a factory of flux-security's configuration."""

    def write(text):
        folder = tmp_path / "etc" / "flux" / "security" / "conf.d"
        folder.mkdir(parents=True)
        (folder / "sign.toml").write_text(text)
        (folder / "imp.toml").write_text('[exec]\nallowed-users = ["flux"]\n')
        return tmp_path / "etc"

    return write


@pytest.fixture
def key(tmp_path, monkeypatch):
    path = tmp_path / "munge.key"
    path.write_bytes(b"canary")
    monkeypatch.setattr(munge_key, "MUNGE_KEY", str(path))
    return path


@pytest.mark.parametrize(
    "text", [SIGN, '[sign]\ndefault-type = "munge"\n', '[sign]\nallowed-types = ["curve", "munge"]\n']
)
def test_munge_key_is_read_where_jobs_of_others_are_signed_by_it(etc, key, text):
    assert read_munge_key(MULTI_USER, etc=etc(text)) == Secret(b"canary")


@pytest.mark.parametrize("text", ["", '[sign]\ndefault-type = "none"\nallowed-types = ["none"]\n'])
def test_munge_key_is_left_where_flux_security_does_not_ask_for_it(etc, key, text):
    assert read_munge_key(MULTI_USER, etc=etc(text)) is None


def test_munge_key_is_left_without_flux_security(tmp_path, key):
    assert read_munge_key(MULTI_USER, etc=tmp_path / "none") is None


def test_munge_key_is_left_in_a_single_user_instance(etc, key):
    assert read_munge_key(make_facts(), etc=etc(SIGN)) is None


def test_munge_key_that_is_set_is_read_whatever_flux_security_says(tmp_path):
    own = tmp_path / "own.key"
    own.write_bytes(b"own")

    assert read_munge_key(make_facts(), str(own), etc=tmp_path) == Secret(b"own")


def test_munge_key_that_cannot_be_read_names_the_setting(etc, key):
    key.unlink()

    for options in ({"etc": etc(SIGN)}, {"file": str(key)}):
        with pytest.raises(ConfigError, match=r"^munge_key_file: .*munge\.key cannot be read") as caught:
            read_munge_key(MULTI_USER, **options)
        assert caught.value.code == "munge-key"
        assert "OVERSPILL_MUNGE_KEY_FILE" in caught.value.remedy


def test_munge_key_with_a_security_file_that_is_no_toml_names_it(etc, key):
    with pytest.raises(ConfigError, match=r"sign\.toml, which says how jobs are signed, cannot be read"):
        read_munge_key(MULTI_USER, etc=etc("[sign"))


@pytest.mark.parametrize(("prefix", "etc_of"), [("/usr", "/etc"), ("/", "/etc"), ("/opt/flux", "/opt/flux/etc")])
def test_security_configuration_lies_where_flux_is_installed(prefix, etc_of):
    assert str(munge_key._etc(prefix)) == etc_of
