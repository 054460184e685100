"""Corb's sampling and detection in one loop, with no platform: the floor of the pipeline.

``python -m benches.apparatus.bare_pipeline`` prints, as JSON, how many frames it analysed, the CPU
seconds that decoding and detecting took, and those of detecting alone; loading libraries and model is not counted.
"""

from __future__ import annotations

import importlib
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benches.apparatus.processes import ROOT
from pileus.media import assets

_CORB = ROOT / "apps" / "corb"
_FRAMES_PER_SECOND = 10.0


def main() -> None:
    """Analyse the demonstration's video once."""
    sys.path[:0] = [str(_CORB), str(_CORB / "model" / "code")]
    detector = importlib.import_module("inference")
    ingress = importlib.import_module("aws_lambda.run_detector")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(assets.ensure(assets.MODEL), Path(folder) / detector.MODEL_FILE)
        model = detector.model_fn(folder)
        video = assets.ensure(assets.VIDEO)
        began_s, frames, detect_s = time.process_time(), 0, 0.0
        for frame in ingress.sample(video.read_bytes(), video.name, _FRAMES_PER_SECOND):
            asked_s = time.process_time()
            detector.predict_fn(frame.picture[None], model)
            detect_s += time.process_time() - asked_s
            frames += 1
        cpu_s = time.process_time() - began_s
        print(json.dumps({"frames": frames, "cpu_s": cpu_s, "detect_cpu_s": detect_s}))


if __name__ == "__main__":
    main()
