"""Inference scripts by SageMaker's convention, without a process of their own."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from pileus.runtime import model_server
from pileus.runtime.errors import Fault
from pileus.runtime.lambda_context import LambdaContext

Ask = Callable[..., tuple[str, bytes]]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Ask]]:
    """Writes a script, loads it, gives what asks it."""
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    monkeypatch.setenv("SM_MODEL_DIR", "")
    monkeypatch.setattr(sys, "path", list(sys.path))
    # Other tests of this process may have imported a script of the same name.
    monkeypatch.delitem(sys.modules, "inference", raising=False)
    before = set(sys.modules)

    def load(source: str, program: str = "inference.py") -> Ask:
        script = tmp_path / "code" / program
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(source)
        answer = model_server.load(program)

        def ask(body: bytes, content_type: str = "", accept: str = "") -> tuple[str, bytes]:
            asked = {"content_type": content_type, "accept": accept}
            context = LambdaContext("id", 0, "arn", {"custom": asked}, None)
            head, found = model_server.split_answer(answer(body, context))
            return head["content_type"], found

        return ask

    yield load
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_the_four_functions_are_called_in_turn(load, tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("3")
    ask = load(
        "import os\n"
        "def model_fn(model_dir): return int(open(os.path.join(model_dir, 'weights')).read())\n"
        "def input_fn(body, content_type): return body, content_type\n"
        "def predict_fn(data, model): return (*data, model)\n"
        "def output_fn(prediction, accept): return repr((prediction, accept)), 'text/x'\n"
    )
    content_type, body = ask(b"\x00\xff", "application/x-npy", "text/a")
    assert content_type == "text/x"
    assert body.decode() == repr(((b"\x00\xff", "application/x-npy", 3), "text/a"))


def test_text_comes_as_text_and_json_is_the_default(load) -> None:
    ask = load(
        "def model_fn(model_dir): return None\n"
        "def input_fn(body, content_type): return [type(body).__name__, content_type]\n"
        "def predict_fn(data, model): return data\n"
    )
    assert ask(b"{}") == ("application/json", b'["str", "application/json"]')
    assert ask(b"1", "text/csv; charset=utf-8", "*/*")[1] == b'["str", "text/csv; charset=utf-8"]'
    assert ask(b"1", "text/plain")[1] == b'["bytes", "text/plain"]'


def test_what_the_script_leaves_out_is_decoded_predicted_and_encoded(load) -> None:
    ask = load("def model_fn(model_dir): return lambda data: data * 2\n")
    packed = io.BytesIO()
    np.save(packed, np.array([[1.5, 2.0]]))
    content_type, body = ask(packed.getvalue(), "application/x-npy", "application/x-npy")
    assert content_type == "application/x-npy"
    assert np.load(io.BytesIO(body)).tolist() == [[3.0, 4.0]]
    assert ask(b"1,2\n3,4\n", "text/csv", "text/csv") == ("text/csv", b"2.0,4.0\n6.0,8.0\n")
    assert ask(b"1,2\n3,4\n", "text/csv") == ("application/json", b"[[2.0, 4.0], [6.0, 8.0]]")
    assert ask(b"[1]", "application/json", "text/html, application/json")[1] == b"[1, 1]"


def test_a_model_with_predict_is_asked_by_it(load) -> None:
    ask = load(
        "class Model:\n"
        "    def predict(self, data): return len(data)\n"
        "def model_fn(model_dir): return Model()\n"
    )
    assert ask(b"[1, 2]")[1] == b"2"


def test_transform_fn_stands_for_three(load) -> None:
    ask = load(
        "def model_fn(model_dir): return 'm'\n"
        "def transform_fn(model, body, content_type, accept):\n"
        "    return f'{model} {body} {content_type} {accept}'\n"
    )
    expected = b"m [1] application/json text/plain"
    assert ask(b"[1]", "application/json", "text/plain") == ("text/plain", expected)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("", "must define model_fn"),
        (
            "def model_fn(d): pass\ndef transform_fn(*a): pass\ndef predict_fn(*a): pass\n",
            "transform_fn stands for all three",
        ),
    ],
)
def test_a_script_that_does_not_fit_is_told(load, source: str, text: str) -> None:
    with pytest.raises(Fault, match=text) as fault:
        load(source)
    assert fault.value.kind == model_server.SCRIPT_ERROR


def test_formats_nobody_knows_are_told(load) -> None:
    ask = load("def model_fn(model_dir): return lambda data: data\n")
    with pytest.raises(Fault, match="Content type text/odd is not supported") as fault:
        ask(b"x", "text/odd")
    assert fault.value.kind == model_server.UNSUPPORTED_FORMAT
    with pytest.raises(Fault, match="Accept text/odd is not supported"):
        ask(b"1", "application/json", "text/odd")


def test_an_answer_must_be_bytes_or_text(load) -> None:
    ask = load("def model_fn(model_dir): return 1\ndef transform_fn(*a): return 5\n")
    with pytest.raises(Fault, match="must be bytes or text, not int"):
        ask(b"1")


def test_scripts_import_what_lies_beside_them_and_in_lib(load, tmp_path: Path) -> None:
    for path in ("code/beside_it.py", "code/lib/vendored_it.py"):
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("VALUE = 1\n")
    ask = load(
        "import beside_it, vendored_it\n"
        "def model_fn(model_dir): return lambda data: data + beside_it.VALUE + vendored_it.VALUE\n",
        "serving.py",
    )
    assert ask(b"1")[1] == b"3"
