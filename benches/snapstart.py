"""How long from a request to the first answer of an instance that is a copy of a snapshot?

Instances end as soon as they are idle, so every sample is a cold start: a copy in a sandbox of its own,
seeds and hooks, and an invocation, through HTTP. What the functions do in it is little; they show that
what they imported and loaded is there. Beside it the same libraries without SnapStart, where
instances come from a zygote that has imported what is known to stand a fork.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benches.apparatus import functions, onnx, wire
from benches.apparatus.effort import Effort, median_ms
from benches.apparatus.figures import Figure, Reach
from benches.apparatus.jobs import Target
from benches.apparatus.processes import BareInterpreter, LoadClient, call, platform
from pileus.media import assets

_IDLE_S = 0.05
_PAUSE_S = 0.4
"""Between two starts: the last instance has ended, the next blank one is ready."""
_IMPORTS = """
import boto3, numpy


def handler(event, context):
    return float(numpy.arange(1000.0).sum()), boto3.__version__
"""
_SDK = """
import boto3, numpy
client = boto3.client("sqs")
table = numpy.arange(1000.0)


def handler(event, context):
    return float(table.sum()), client.meta.region_name
"""
_MODEL = """
import os
from ai_edge_litert.interpreter import Interpreter
path = os.path.join(os.environ["LAMBDA_TASK_ROOT"], "model.tflite")
interpreter = Interpreter(path, num_threads=1)
interpreter.allocate_tensors()


def handler(event, context):
    return interpreter.get_input_details()[0]["shape"].tolist()
"""
_ONNX = """
import os
import numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
path = os.path.join(os.environ["LAMBDA_TASK_ROOT"], "model.onnx")
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def handler(event, context):
    picture = numpy.zeros((1, 224, 224, 3), numpy.float32)
    if event.get("runs"):
        return session.run(None, {session.get_inputs()[0].name: picture})[0].tolist()
    return session.get_inputs()[0].shape
"""
_SOURCES = {
    "trivial": functions.TRIVIAL,
    "imports": _IMPORTS,
    "sdk": _SDK,
    "model": _MODEL,
    "onnx": _ONNX,
}
_SNAPSHOT, _LATEST = "1", "$LATEST"
_ROWS = (
    ("trivial", _SNAPSHOT, "SnapStart: trivial", 1.0),
    ("sdk", _SNAPSHOT, "SnapStart: numpy, boto3 and a client", 2.5),
    ("imports", _LATEST, "on demand: numpy and boto3", 2.5),
    ("model", _SNAPSHOT, "SnapStart: LiteRT and a 10 MB model", 3.0),
    ("onnx", _SNAPSHOT, "SnapStart: onnxruntime and a 23 MB model", 3.0),
)
"""Function, version, name, reach."""


def run(effort: Effort) -> list[Figure]:
    """In turn, so that all rows saw the same machine."""
    with ExitStack() as stack:
        client = stack.enter_context(LoadClient())
        running = stack.enter_context(platform(idle_s=str(_IDLE_S)))
        interpreter = BareInterpreter(Path(stack.enter_context(TemporaryDirectory())))
        functions.create_role(running.port)
        models = {
            "model": {"model.tflite": assets.ensure(assets.MODEL).read_bytes()},
            "onnx": {"model.onnx": onnx.model()},
        }
        layers = {"onnx": [functions.publish_layer(running.port, "onnx", onnx.layer_files())]}
        for name, source in _SOURCES.items():
            files = {"handler.py": source.encode(), **models.get(name, {})}
            functions.publish(running.port, name, files, layers.get(name, ()))
        _check(running.port)
        taken: dict[tuple[str, str], list[int]] = {}
        floors = []
        for _ in range(effort.samples):
            for name, qualifier, *_ in _ROWS:
                request = wire.invoke(name, b"{}", running.port, qualifier)
                took, _ = client.timed([Target(running.port, [request])], rounds=1, block=1)
                taken.setdefault((name, qualifier), []).extend(took[0])
                time.sleep(_PAUSE_S)
            floors.append(interpreter.pass_ms())
    return [
        Figure(
            f"cold start, {told}",
            median_ms(taken[(name, qualifier)]),
            "ms p50",
            median(floors),
            "interpreter -c pass",
            Reach(is_at_most=True, of_ratio=ratio),
        )
        for name, qualifier, told, ratio in _ROWS
    ]


def _check(port: int) -> None:
    """A copy's session must not only be there but answer."""
    answer = call(port, wire.invoke("onnx", b'{"runs": true}', port, _SNAPSHOT))
    if not answer.endswith(b"]]"):
        raise RuntimeError(f"onnxruntime does not run in a copy: {answer!r}")
