"""Serves an inference script as SageMaker's inference toolkit does, over the frames of functions.

The script defines ``model_fn(model_dir)`` and any of ``input_fn(body, content_type)``,
``predict_fn(data, model)`` and ``output_fn(prediction, accept)``, or ``transform_fn(model, body,
content_type, accept)`` for all three:
https://docs.aws.amazon.com/sagemaker/latest/dg/adapt-inference-container.html

Requests and answers stay raw bytes. What HTTP would carry in headers comes in the invocation's
client context, and leaves in front of the answer (:func:`join_answer`).
"""

from __future__ import annotations

import csv
import importlib
import io
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from pileus.runtime.errors import Fault
from pileus.runtime.lambda_context import LambdaContext

JSON = "application/json"
CSV = "text/csv"
NPY = "application/x-npy"
_TEXT_TYPES = (JSON, CSV)
_ANY = "*/*"

SCRIPT_ERROR = "Model.ScriptError"
"""The script lacks a function or defines ones that exclude each other."""
UNSUPPORTED_FORMAT = "Model.UnsupportedFormatError"
"""A content type that nothing here can decode or encode: HTTP 415 from a container."""

CONTENT_TYPE = "content_type"
ACCEPT = "accept"
"""Members of the client context's ``custom``, and of an answer's head."""

MODEL_DIR = "/opt/ml/model"
"""Where SageMaker shows a model; the same in a sandbox with its own file system."""
_TASK_DIR = "/var/task"

Answer = Callable[[bytes, LambdaContext], bytes]


def join_answer(head: dict[str, str], body: bytes) -> bytes:
    """An answer as one payload: the length of the head (four bytes), the head as JSON, the body."""
    packed = json.dumps(head).encode()
    return len(packed).to_bytes(4, "big") + packed + body


def split_answer(payload: bytes) -> tuple[dict[str, str], bytes]:
    """Head and body of :func:`join_answer`'s payload."""
    start = 4 + int.from_bytes(payload[:4], "big")
    head: dict[str, str] = json.loads(payload[4:start])
    return head, payload[start:]


def load(program: str) -> Answer:
    """Import the script below the model's ``code`` folder and load the model.

    Args:
        program: the script's file name, as SAGEMAKER_PROGRAM gives it.

    Raises:
        Fault: the script does not fit the convention. What the script raises passes.
    """
    model_dir = _model_dir()
    os.environ.setdefault("SM_MODEL_DIR", model_dir)
    code_dir = os.path.join(model_dir, "code")
    sys.path[0:0] = [code_dir, os.path.join(code_dir, "lib")]
    script = importlib.import_module(program[: -len(".py")].replace("/", "."))
    functions = {
        name: getattr(script, name, None)
        for name in ("model_fn", "input_fn", "predict_fn", "output_fn", "transform_fn")
    }
    if functions["model_fn"] is None:
        raise Fault(SCRIPT_ERROR, f"{program} must define model_fn(model_dir)")
    transform = functions["transform_fn"]
    if transform is not None:
        if any(functions[name] for name in ("input_fn", "predict_fn", "output_fn")):
            raise Fault(
                SCRIPT_ERROR,
                f"{program} defines transform_fn and one of input_fn, predict_fn, output_fn; "
                "transform_fn stands for all three",
            )
    else:
        transform = _transform(
            functions["input_fn"] or decode,
            functions["predict_fn"] or _predict,
            functions["output_fn"] or encode,
        )
    return _answer(transform, functions["model_fn"](model_dir))


def decode(body: Any, content_type: str) -> Any:
    """The data of a request, where the script has no input_fn: JSON, CSV (rows of floats where all
    are numbers, else of text) or NPY. Raises Fault for another content type."""
    kind = _bare(content_type)
    if kind == JSON:
        return json.loads(body)
    if kind == CSV:
        rows = list(csv.reader(io.StringIO(body)))
        try:
            return _as_array([[float(cell) for cell in row] for row in rows])
        except ValueError:
            return _as_array(rows)
    if kind == NPY:
        import numpy

        return numpy.load(io.BytesIO(body), allow_pickle=False)
    raise Fault(UNSUPPORTED_FORMAT, f"Content type {content_type} is not supported.")


def encode(prediction: Any, accept: str) -> tuple[Any, str]:
    """The answer and its content type, where the script has no output_fn: JSON, CSV or NPY, the
    first of ``accept`` that can be made. Raises Fault where none can."""
    for wanted in accept.split(","):
        kind = _bare(wanted)
        if kind in (JSON, _ANY, "application/*"):
            return json.dumps(prediction, default=_plain), JSON
        if kind == CSV:
            text = io.StringIO()
            rows = _plain(prediction) if hasattr(prediction, "tolist") else prediction
            csv.writer(text, lineterminator="\n").writerows(
                row if isinstance(row, (list, tuple)) else [row] for row in rows
            )
            return text.getvalue(), CSV
        if kind == NPY:
            import numpy

            packed = io.BytesIO()
            numpy.save(packed, numpy.asarray(prediction), allow_pickle=False)
            return packed.getvalue(), NPY
    raise Fault(UNSUPPORTED_FORMAT, f"Accept {accept} is not supported.")


def _transform(input_fn: Any, predict_fn: Any, output_fn: Any) -> Any:
    def transform(model: Any, body: Any, content_type: str, accept: str) -> Any:
        return output_fn(predict_fn(input_fn(body, content_type), model), accept)

    return transform


def _answer(transform: Any, model: Any) -> Answer:
    accept_default = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or JSON

    def answer(payload: bytes, context: LambdaContext) -> bytes:
        asked = (context.client_context and context.client_context.custom) or {}
        content_type = asked.get(CONTENT_TYPE) or JSON
        accept = asked.get(ACCEPT) or _ANY
        if accept == _ANY:
            accept = accept_default
        # The toolkit hands text formats over as text and everything else as bytes.
        data = payload.decode() if _bare(content_type) in _TEXT_TYPES else payload
        result = transform(model, data, content_type, accept)
        body, given_type = result if isinstance(result, tuple) else (result, accept)
        if isinstance(body, str):
            body = body.encode()
        if not isinstance(body, (bytes, bytearray, memoryview)):
            raise Fault(
                SCRIPT_ERROR, f"The answer must be bytes or text, not {type(body).__name__}."
            )
        return join_answer({CONTENT_TYPE: given_type}, bytes(body))

    return answer


def _predict(data: Any, model: Any) -> Any:
    if hasattr(model, "predict"):
        return model.predict(data)
    if callable(model):
        return model(data)
    raise Fault(
        SCRIPT_ERROR, "The script has no predict_fn, and its model neither predict() nor a call."
    )


def _model_dir() -> str:
    """The model as seen here: only a sandbox with an own file system can show it at AWS's path."""
    task_dir = os.environ["LAMBDA_TASK_ROOT"]
    return MODEL_DIR if task_dir == _TASK_DIR else task_dir


def _bare(content_type: str) -> str:
    """Without parameters such as ``; charset=utf-8``."""
    return content_type.partition(";")[0].strip().lower()


def _as_array(rows: Any) -> Any:
    import numpy

    return numpy.array(rows)


def _plain(value: Any) -> Any:
    """NumPy's arrays and numbers as Python's."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
