"""Where the models of this app are: inside packages, installed by ``make newsroom`` and pinned by SHA-256.

None of these packages is imported for its model: some would pull in what is not needed here.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import onnxruntime

_QUIET = 3


class ModelMissing(RuntimeError):
    """A package is not installed where Pileus runs."""


def model_file(package: str, name: str) -> str:
    """The path of a file in an installed package."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ModelMissing(f"{package} is not installed where Pileus runs; run: make newsroom")
    path = Path(found.origin).parent / name
    if not path.exists():
        raise ModelMissing(f"{package} has no file {name}")
    return str(path)


def network(model: str | bytes) -> onnxruntime.InferenceSession:
    """An ONNX network, of a file or of bytes, on one thread: what shares a machine with other engines must not spin on its cores."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
