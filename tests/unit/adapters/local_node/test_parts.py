"""The small pure parts of the local node."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pileus.adapters.local_node.blanks import BlankTarget
from pileus.adapters.local_node.interpreters import (
    Interpreter,
    choose_interpreter,
    own_interpreter,
)
from pileus.adapters.local_node.log_reader import RECORD_BYTES_MAX, LogReader
from pileus.adapters.local_node.skeleton import Skeleton
from pileus.ports.nodes import RuntimeUnavailable
from pileus.runtime import frames

_SECOND = 1_000_000_000


def _framed(text: str) -> bytes:
    raw = text.encode()
    return frames.LOG_FRAME.pack(frames.LOG_FRAME_TEXT, len(raw), time.time_ns() // 1000) + raw


def test_lines_are_records() -> None:
    reader = LogReader()
    assert reader.feed(b"one\ntw") == ["one"]
    assert reader.feed(b"o\n\n") == ["two", ""]
    assert reader.finish() == []
    assert reader.feed(b"rest") == []
    assert reader.finish() == ["rest"]


def test_framed_records_are_kept_whole_wherever_they_are_cut() -> None:
    data = b"plain\n" + _framed("a\nb\n") + b"after\n" + _framed("c")
    for cut in range(len(data)):
        reader = LogReader()
        assert reader.feed(data[:cut]) + reader.feed(data[cut:]) == ["plain", "a\nb", "after", "c"]


def test_what_is_no_utf8_is_replaced() -> None:
    assert LogReader().feed(b"\xff\n") == ["\ufffd"]


def test_a_line_without_end_is_cut() -> None:
    reader = LogReader()
    (record,) = reader.feed(b"x" * (RECORD_BYTES_MAX + 5))
    assert len(record) == RECORD_BYTES_MAX
    assert reader.finish() == ["xxxxx"]


def test_blanks_follow_the_starts() -> None:
    target = BlankTarget(at_least=1, at_most=4, idle_s=60)
    assert target.count(0) == 0
    target.miss(0)
    assert target.count(0) == 1
    target.miss(1)
    target.miss(2)
    target.miss(3)
    assert target.count(3) == 4
    target.hit(20 * _SECOND)
    assert target.count(20 * _SECOND) == 3
    assert target.count(90 * _SECOND) == 0


def _python(minor: int) -> Interpreter:
    return Interpreter(minor, f"/python3.{minor}", "/", (), ())


def test_the_same_version_is_chosen_without_a_word() -> None:
    choice = choose_interpreter("python3.12", [_python(11), _python(12)], is_strict=True)
    assert (choice.interpreter.minor, choice.warning) == (12, "")


@pytest.mark.parametrize(
    ("runtime", "minor"), [("python3.7", 9), ("python3.10", 11), ("python3.14", 13)]
)
def test_the_nearest_version_is_chosen_with_a_warning(runtime: str, minor: int) -> None:
    found = [_python(11), _python(9), _python(13)]
    choice = choose_interpreter(runtime, found, is_strict=False)
    assert choice.interpreter.minor == minor
    assert choice.warning == f"{runtime} is not installed here; python3.{minor} runs it instead."
    with pytest.raises(RuntimeUnavailable, match=runtime):
        choose_interpreter(runtime, found, is_strict=True)


@pytest.mark.parametrize("runtime", ["nodejs22.x", "java21", "python2.7", "python3.x"])
def test_other_languages_are_refused_by_name(runtime: str) -> None:
    with pytest.raises(RuntimeUnavailable, match=runtime):
        choose_interpreter(runtime, [_python(11)], is_strict=False)


def test_the_platform_s_own_interpreter_is_described() -> None:
    own = own_interpreter()
    assert Path(own.executable).exists()
    assert any(Path(entry, "json").exists() for entry in own.library_path)


def test_the_skeleton_has_a_place_for_everything_shown(tmp_path: Path) -> None:
    own = own_interpreter()
    skeleton = Skeleton(tmp_path, [own.base_dir, "/usr/lib", "/no/such/place"])
    assert skeleton.late(["/usr/lib/x", "/home/x"]) == ["/home/x"]
    assert "/usr/lib" not in skeleton.shown, "covered by /usr"
    assert "/no/such/place" not in skeleton.shown
    for path in skeleton.shown:
        assert (skeleton.root_dir / path.lstrip("/")).exists()
    assert (skeleton.root_dir / "etc" / "passwd").read_text().startswith("root:")
    again = Skeleton(tmp_path, [own.base_dir])
    assert again.root_dir == skeleton.root_dir
