"""The RTSP server's process, as tests start, stop and move it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).with_name("rtsp_camera.py")
_NEEDED = "import gi; gi.require_version('GstRtspServer', '1.0'); gi.require_version('Gst', '1.0')"


def has_camera() -> bool:
    """Whether GStreamer's RTSP server is installed."""
    if not Path(PYTHON).exists():
        return False
    return subprocess.run([PYTHON, "-c", _NEEDED], capture_output=True).returncode == 0


class Camera:
    """One process. ``options`` as ``rtsp_camera.py`` takes them; ``within``: a command that runs it, such as one
    that gives it a network of its own."""

    def __init__(
        self,
        port: int = 0,
        size: tuple[int, int] = (320, 240),
        options: tuple[str, ...] = (),
        within: tuple[str, ...] = (),
    ) -> None:
        command = [*within, PYTHON, str(SCRIPT), str(port), *map(str, size), *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
