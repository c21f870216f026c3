import pytest

from overspill_local.standin.state_file import FILE_NAME, State, StateFile
from overspill_shared.errors import ConfigError


def test_state_is_read_back(tmp_path):
    state = State(created_at=5.0, kvs={"a": {"b": 1}}, drained={4: "leaving"})
    StateFile(tmp_path).save(state)

    assert StateFile(tmp_path).load(9.0) == state
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_state_without_a_file_is_new(tmp_path):
    assert StateFile(tmp_path).load(9.0) == State(created_at=9.0)


def test_state_without_a_statedir_is_kept_nowhere():
    StateFile(None).save(State(created_at=1.0, kvs={"a": 1}))

    assert StateFile(None).load(9.0) == State(created_at=9.0)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"created_at": 1, "kvs": {}, "drained": {"x": ""}}'])
def test_state_that_is_damaged_is_refused_with_its_path(tmp_path, text):
    (tmp_path / FILE_NAME).write_text(text)

    with pytest.raises(ConfigError, match=FILE_NAME):
        StateFile(tmp_path).load(9.0)


def test_state_that_cannot_be_written_leaves_the_old_one(tmp_path):
    file = StateFile(tmp_path)
    file.save(State(created_at=1.0))
    with pytest.raises(TypeError):
        file.save(State(created_at=1.0, kvs={"a": object()}))

    assert file.load(9.0) == State(created_at=1.0)
