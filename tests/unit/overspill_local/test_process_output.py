from __future__ import annotations

import asyncio
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill_local.process_output import LineSplitter, pump, tail


def split(chunks: list[bytes], **options: int) -> list[str]:
    splitter = LineSplitter(**options)
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    return lines + list(splitter.flush())


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))), st.integers(1, 7))
def test_line_splitter_any_chunks_gives_the_lines(lines, size):
    content = "".join(f"{line}\n" for line in lines).encode()

    assert split([content[i : i + size] for i in range(0, len(content), size)]) == lines


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        pytest.param([b"a\r\nb"], ["a", "b"], id="carriage-return-and-no-last-newline"),
        pytest.param([b"\n\n"], ["", ""], id="empty-lines"),
        pytest.param([b"\xff\n"], ["\N{REPLACEMENT CHARACTER}"], id="not-utf-8"),
        pytest.param([b"12345678\n"], ["123", "456", "78"], id="long-line-in-one-chunk"),
        pytest.param([b"1234", b"5678"], ["123", "456", "78"], id="long-line-without-end"),
    ],
)
def test_line_splitter_odd_input_gives_pieces(chunks, lines):
    assert split(chunks, max_line_bytes=3) == lines


def test_line_splitter_endless_line_keeps_no_more_than_its_limit():
    splitter = LineSplitter(max_line_bytes=10)

    for _ in range(100):
        list(splitter.feed(b"x" * 7))

    assert sum(len(line) for line in splitter.flush()) <= 10


def test_pump_listener_raises_goes_on_and_logs_output(tmp_path, caplog):
    read_end, write_end = os.pipe()
    os.write(write_end, b"one\ntwo\nthr\xc3")
    os.close(write_end)
    heard = []

    def listen(line: str) -> None:
        heard.append(line)
        raise ValueError(line)

    asyncio.run(pump(read_end, tmp_path / "log", listen))

    assert heard == ["one", "two", "thr\N{REPLACEMENT CHARACTER}"]
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\nthr\xc3"
    assert "process.listener-failed" in caplog.text


def test_tail_gives_last_lines_of_a_long_log(tmp_path):
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(5000)))

    assert tail(log, 2) == "line 4998\nline 4999"


def test_tail_without_log_is_empty(tmp_path):
    assert tail(tmp_path / "log") == ""
