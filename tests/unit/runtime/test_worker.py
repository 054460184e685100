"""What a worker arranges before it becomes a function."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import json, os, resource, socket, sys
from pileus.runtime import worker

def is_open(number):
    try:
        os.fstat(number)
    except OSError:
        return False
    return True

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
control, link = socket.socketpair()
for number in (40, 1023, 1024, 3000):
    os.dup2(control.fileno(), number)
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
kept = sorted((control.fileno(), link.fileno()))
worker._arrange_descriptors(log, (kept[0], kept[1]))
print(json.dumps([[number for number in range(5000) if is_open(number)], kept]))
"""


def test_an_instance_inherits_nothing_but_its_link_and_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    subprocess.run([sys.executable, "-c", _SCRIPT, str(log)], check=True)
    found, kept = json.loads(log.read_text())
    assert found == [0, 1, 2, *kept]
