"""Our own Python runtime client: finds the handler, then serves frames until the node hangs up.

Behaves towards handlers as AWS's managed Python runtimes do.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import select
import socket
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from pileus.runtime import documents, engine_client, errors, frames, model_server
from pileus.runtime.errors import Fault
from pileus.runtime.lambda_context import LambdaContext
from pileus.runtime.log_sink import LogSink

_TRACE = "_X_AMZN_TRACE_ID"
SHAREABLE = ("boto3", "botocore", "numpy", "cv2", "av", "PIL", "requests", "yaml")
"""Imported before a fork these start no thread and open nothing (the zygote checks threads)."""

Handler = Callable[[Any, LambdaContext], Any]
Answer = Callable[[bytes, LambdaContext], bytes]
_RECEIVE_BYTES = 8 * 1024
_RECEIVE_MORE_BYTES = 256 * 1024  # only for events known to be large: big buffers cost page faults


def serve(link: socket.socket, handler_name: str, kind: str = "function") -> NoReturn:
    """Initialise and answer invocations; leaves the process in every case.

    Args:
        kind: ``function``, or ``model`` where ``handler_name`` is an inference script.
    """
    sink = LogSink(2)
    sink.attach()
    try:
        answer = load(link, sink, handler_name, kind)
        LambdaContext.describe(os.environ)
        sys.stdout.flush()
        link.sendall(frames.encode(frames.READY, peak(), _shareable().encode()))
        answer_invocations(link, sink, answer)
    except SystemExit as leaving:
        leave(exit_status(leaving))
    except (BrokenPipeError, ConnectionResetError):
        leave(0)
    leave(0)


def find_handler(name: str) -> Handler:
    """Import the module of ``package/module.function`` and take the function.

    Raises:
        Fault: in AWS's words, when the name, the module or the function will not do.
    """
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        detail = "not enough values to unpack (expected 2, got 1)"
        raise Fault(errors.MALFORMED_HANDLER_NAME, f"Bad handler '{name}': {detail}")
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault(
            errors.BUILT_IN_MODULE_CONFLICT,
            f"Cannot use built-in module {module_name} as a handler module",
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault(
            errors.IMPORT_MODULE, f"Unable to import module '{module_name}': {error}"
        ) from None
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise Fault(
            errors.USER_CODE_SYNTAX, f"Syntax error in module '{module_name}': {error}", trace
        ) from None
    try:
        handler: Handler = getattr(module, function_name)
    except AttributeError:
        raise Fault(
            errors.HANDLER_NOT_FOUND, f"Handler '{function_name}' missing on module '{module_name}'"
        ) from None
    return handler


def load(link: socket.socket, sink: LogSink, handler_name: str, kind: str) -> Answer:
    """Run the init phase; what fails in it is told the node, and then SystemExit is raised."""
    try:
        if kind == "model":
            return model_server.load(handler_name)
        if kind == "engine":
            engine_client.offer_sdk()
            return engine_client.serve(find_handler(handler_name), handler_name)
        return _event_answer(find_handler(handler_name))
    except Exception as error:
        report = errors.document(error, "")
        sink.write_error(report, errors.log_text(report))
        link.sendall(frames.encode(frames.INIT_ERROR, peak(), json.dumps(report).encode()))
        raise SystemExit(1) from None


def _event_answer(handler: Handler) -> Answer:
    """A handler of events as bytes in, bytes out."""
    runtime = os.environ.get("AWS_EXECUTION_ENV", "").rpartition("python3.")[2]
    writer = documents.ResponseWriter(is_ascii=runtime.isdigit() and int(runtime) < 12)
    return lambda payload, context: writer.write(handler(documents.read_event(payload), context))


def answer_invocations(
    link: socket.socket, sink: LogSink, answer: Answer, peak_kib: Callable[[], int] | None = None
) -> None:
    """Serve the node's frames until it hangs up; what ends the process is raised.

    Args:
        peak_kib: peak memory of the instance (0: the node measures); this process's own by default.
    """
    peak_kib = peak_kib or _peak_kib
    buffer, known_trace = b"", ""
    # Whoever sleeps in a stream socket's recv is also woken when the other side has taken what was
    # sent last, finds nothing and sleeps again: two switches a call. poll looks at why it is woken.
    waiting = select.poll()
    waiting.register(link, select.POLLIN)
    # What an idle instance does for a call runs with cold caches: the fewer steps, the better.
    while True:
        if not buffer:
            waiting.poll()
        frame, buffer = _next_frame(link, buffer)
        if frame is None:
            return
        header, payload = frame
        request_id, deadline, trace, arn, client_context, identity = header.decode().split("\0")
        sink.request_id = request_id
        if trace or known_trace:
            _set_trace(trace)
            known_trace = trace
        error: BaseException | None = None
        response = b""
        try:
            context = LambdaContext(
                request_id,
                int(deadline),
                arn,
                _read_context(client_context, "Client Context") if client_context else None,
                _read_context(identity, "Cognito Identity") if identity else None,
            )
            response = answer(payload, context)
            if len(response) > frames.RESPONSE_BYTES_MAX:
                raise _too_large()
        except Exception as raised:
            error = raised
        kind = frames.RESULT
        if error is not None:
            report = errors.document(error, request_id)
            sink.write_error(report, errors.log_text(report))
            kind, response = frames.ERROR, json.dumps(report).encode()
        sys.stdout.flush()
        sys.stderr.flush()
        link.sendall(frames.encode(kind, f"{peak_kib()}\0{request_id}".encode(), response))


def _next_frame(link: socket.socket, buffer: bytes) -> tuple[tuple[bytes, bytes] | None, bytes]:
    """Header and payload of the next invocation (None at the end), and what came after it."""
    if not buffer:
        # Almost always one piece is one frame.
        buffer = link.recv(_RECEIVE_BYTES)
        have = len(buffer)
        if not have:
            return None, b""
        if have > frames.PREFIX_BYTES:
            payload_size, _, header_size = frames.PREFIX.unpack_from(buffer)
            start = frames.PREFIX_BYTES + header_size
            if have == start + payload_size:
                return (buffer[frames.PREFIX_BYTES : start], buffer[start:]), b""
    need = frames.PREFIX_BYTES
    parts, have = [buffer], len(buffer)
    sizes = None
    while True:
        if sizes is None and have >= frames.PREFIX_BYTES:
            parts = [b"".join(parts)]
            payload_size, _, header_size = sizes = frames.PREFIX.unpack_from(parts[0])
            need = frames.PREFIX_BYTES + header_size + payload_size
        if sizes is not None and have >= need:
            break
        chunk = link.recv(_RECEIVE_BYTES if sizes is None else _RECEIVE_MORE_BYTES)
        if not chunk:
            return None, b""
        parts.append(chunk)
        have += len(chunk)
    data = b"".join(parts) if len(parts) > 1 else parts[0]
    start = frames.PREFIX_BYTES + sizes[2]
    return (data[frames.PREFIX_BYTES : start], data[start:need]), data[need:]


def _shareable() -> str:
    """Modules that the handler imported and that later instances may get from their zygote:
    those known to stand a fork, when they come from folders that all instances see."""
    own_dir = os.environ.get("LAMBDA_TASK_ROOT", "") + "/"
    found = []
    for name in SHAREABLE:
        path = getattr(sys.modules.get(name), "__file__", None)
        if path and not path.startswith((own_dir, "/opt/", "/tmp/")):
            found.append(name)
    return ",".join(found)


def _read_context(text: str, name: str) -> dict[str, Any]:
    try:
        context: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise Fault(errors.CONTEXT_UNMARSHAL, f"Unable to parse {name} JSON: {error}") from None
    return context


def _too_large() -> Fault:
    return Fault(
        errors.RESPONSE_TOO_LARGE,
        "Response payload size exceeded maximum allowed payload size "
        f"({frames.RESPONSE_BYTES_MAX} bytes).",
    )


def _set_trace(trace: str) -> None:
    if trace:
        os.environ[_TRACE] = trace
    elif _TRACE in os.environ:
        del os.environ[_TRACE]


def peak() -> bytes:
    """Peak resident memory of this process as a frame's header has it."""
    return b"%d" % _peak_kib()


def _peak_kib() -> int:
    """Peak resident memory of this process, KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def exit_status(leaving: SystemExit) -> int:
    """The status ``sys.exit`` asks for, as the interpreter's own exit would compute it."""
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code & 0xFF
    print(leaving.code, file=sys.stderr)
    return 1


def leave(status: int) -> NoReturn:
    """Exit without the interpreter's teardown, which hangs after some libraries forked."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            status = status or 1  # the log is closed: nothing more can be said
    os._exit(status)
