"""Handlers found, events answered, in AWS's words, without a process of its own."""

from __future__ import annotations

import decimal
import io
import json
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pileus.runtime import documents, errors, frames, python_client
from pileus.runtime.errors import Fault
from pileus.runtime.lambda_context import LambdaContext


@pytest.fixture
def code_dir(tmp_path: Path, monkeypatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def _write(code_dir: Path, name: str, text: str) -> None:
    path = code_dir / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_handler_in_a_package_is_found_by_dots_and_by_slashes(code_dir: Path) -> None:
    _write(code_dir, "inner/__init__.py", "")
    _write(code_dir, "inner/app.py", "def handler(event, context): return 1\n")
    assert python_client.find_handler("inner.app.handler")({}, None) == 1
    assert python_client.find_handler("inner/app.handler")({}, None) == 1


@pytest.mark.parametrize(
    ("source", "handler", "kind", "message"),
    [
        (
            "import no_such_thing\n",
            "app1.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'app1': No module named 'no_such_thing'",
        ),
        (
            "",
            "app2.handler",
            "Runtime.HandlerNotFound",
            "Handler 'handler' missing on module 'app2'",
        ),
        (
            "",
            "missing.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'missing': No module named 'missing'",
        ),
        (
            "",
            "handler",
            "Runtime.MalformedHandlerName",
            "Bad handler 'handler': not enough values to unpack (expected 2, got 1)",
        ),
        (
            "",
            "sys.exit",
            "Runtime.BuiltInModuleConflict",
            "Cannot use built-in module sys as a handler module",
        ),
        (
            "def f(:\n  pass\n",
            "app3.handler",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'app3': invalid syntax (app3.py, line 1)",
        ),
    ],
)
def test_what_is_wrong_is_said_in_aws_s_words(
    code_dir: Path, source: str, handler: str, kind: str, message: str
) -> None:
    _write(code_dir, handler.split(".")[0] + ".py", source) if "app" in handler else None
    with pytest.raises(Fault) as fault:
        python_client.find_handler(handler)
    assert (fault.value.kind, str(fault.value)) == (kind, message)
    document = errors.document(fault.value, "")
    assert document["requestId"] == ""
    if kind == "Runtime.UserCodeSyntaxError":
        assert document["stackTrace"] == [f'  File "{code_dir}/app3.py" Line 1\n    def f(:\n']
    else:
        assert document["stackTrace"] == []


class Instance:
    """A client loop on a thread, and the node's end of its link."""

    def __init__(self, handler) -> None:
        self.link, theirs = socket.socketpair()
        self.log: list[str] = []
        outer = self

        class Sink:
            request_id = ""

            def write_error(self, report: dict, text: str) -> None:
                outer.log.append(text)

        answer = python_client._event_answer(handler)
        self._thread = threading.Thread(
            target=python_client.answer_invocations, args=(theirs, Sink(), answer)
        )
        self._theirs = theirs
        self._thread.start()

    def ask(self, payload: bytes, **more: str) -> tuple[int, object]:
        header = "\0".join(
            ("r1", "1000", more.get("trace", ""), "arn", more.get("client", ""), more.get("id", ""))
        )
        self.link.sendall(frames.encode(frames.INVOKE, header.encode(), payload))
        data = b""
        while True:
            data += self.link.recv(1 << 20)
            size, kind, header_size = frames.PREFIX.unpack_from(data)
            start = frames.PREFIX_BYTES + header_size
            if len(data) >= start + size:
                peak, _, request_id = data[frames.PREFIX_BYTES : start].partition(b"\0")
                assert int(peak) > 0
                assert request_id == b"r1"
                return kind, json.loads(data[start : start + size])

    def close(self) -> None:
        self.link.close()
        self._thread.join(5)
        self._theirs.close()


@pytest.fixture
def instance() -> Iterator[object]:
    made: list[Instance] = []

    def make(handler) -> Instance:
        made.append(Instance(handler))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_events_are_answered(instance) -> None:
    one = instance(lambda event, context: {"got": event, "arn": context.invoked_function_arn})
    assert one.ask(b'{"a": "\xc3\xa9"}') == (frames.RESULT, {"got": {"a": "é"}, "arn": "arn"})
    big = json.dumps("x" * 3_000_000).encode()
    assert one.ask(big)[1]["got"] == "x" * 3_000_000


def test_exceptions_carry_the_user_s_frames_only(instance) -> None:
    def handler(event, context):
        raise KeyError("lost")

    one = instance(handler)
    kind, document = one.ask(b"{}")
    assert kind == frames.ERROR
    assert document["errorType"] == "KeyError"
    assert document["errorMessage"] == "'lost'"
    assert document["requestId"] == "r1"
    assert len(document["stackTrace"]) == 1
    assert document["stackTrace"][0].endswith('in handler\n    raise KeyError("lost")\n')
    assert one.log[0].startswith("[ERROR] KeyError: 'lost'\nTraceback (most recent call last):\n")
    assert '\n\u00a0\u00a0File "' in one.log[0]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({1, 2}, "Unable to marshal response: Object of type set is not JSON serializable"),
        (b"x", "Unable to marshal response: Object of type bytes is not JSON serializable"),
    ],
)
def test_what_json_cannot_hold_is_refused(instance, result, message) -> None:
    kind, document = instance(lambda *_: result).ask(b"{}")
    assert kind == frames.ERROR
    assert (document["errorType"], document["errorMessage"]) == ("Runtime.MarshalError", message)


def test_an_event_that_is_no_json_is_refused(instance) -> None:
    _, document = instance(lambda *_: 1).ask(b"{")
    assert document["errorType"] == "Runtime.UnmarshalError"
    assert document["errorMessage"].startswith("Unable to unmarshal input: ")


def test_a_response_over_the_limit_is_refused(instance) -> None:
    _, document = instance(lambda *_: "x" * 6_291_556).ask(b"{}")
    assert document["errorType"] == "Function.ResponseSizeTooLarge"
    assert document["errorMessage"] == (
        "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
    )


def test_contexts_arrive(instance) -> None:
    one = instance(
        lambda _, context: [
            context.client_context.custom,
            context.client_context.client.app_title,
            context.identity.cognito_identity_id,
        ]
    )
    client = '{"custom": {"a": 1}, "client": {"app_title": "t"}}'
    assert one.ask(b"{}", client=client, id='{"cognitoIdentityId": "i"}')[1] == [{"a": 1}, "t", "i"]
    kind, document = one.ask(b"{}", client="{")
    assert kind == frames.ERROR
    assert document["errorType"] == "Runtime.LambdaContextUnmarshalError"


def test_the_trace_follows_the_call(instance, monkeypatch) -> None:
    import os

    monkeypatch.delenv("_X_AMZN_TRACE_ID", raising=False)
    one = instance(lambda *_: os.environ.get("_X_AMZN_TRACE_ID"))
    assert one.ask(b"{}", trace="Root=1-a")[1] == "Root=1-a"
    assert one.ask(b"{}")[1] is None


def test_decimals_keep_their_digits() -> None:
    writer = documents.ResponseWriter(is_ascii=True)
    value = {"a": [decimal.Decimal("1.10"), "1.10"], "é": decimal.Decimal("12345678901234567890")}
    assert writer.write(value) == (b'{"a": [1.10, "1.10"], "\\u00e9": 12345678901234567890}')
    assert writer.write("é") == b'"\\u00e9"'
    assert documents.ResponseWriter(is_ascii=False).write("é") == '"é"'.encode()


def test_the_context_says_what_aws_s_says() -> None:
    LambdaContext.describe(
        {
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
            "AWS_LAMBDA_LOG_STREAM_NAME": "s",
        }
    )
    context = LambdaContext("r", 2**60, "arn", None, None)
    assert context.function_name == "f"
    assert context.function_version == "$LATEST"
    assert context.memory_limit_in_mb == "128"
    assert context.log_group_name == "/aws/lambda/f"
    assert context.log_stream_name == "s"
    assert context.aws_request_id == "r"
    assert context.identity.cognito_identity_id is None
    assert context.client_context is None
    assert context.get_remaining_time_in_millis() > 0
    assert LambdaContext("r", 0, "arn", None, None).get_remaining_time_in_millis() == 0
    assert "aws_request_id=r" in repr(context)


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [(None, 0, ""), (3, 3, ""), (256 + 2, 2, ""), ("bad luck", 1, "bad luck\n")],
)
def test_exit_codes_are_the_interpreter_s(monkeypatch, code, status, said) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    assert python_client.exit_status(SystemExit(code)) == status
    assert stream.getvalue() == said
