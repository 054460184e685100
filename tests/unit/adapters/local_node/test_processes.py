"""Process trees as ``/proc`` tells them."""

import os
import subprocess
import sys

from pileus.adapters.local_node.processes import descendants, proportional_bytes, resident_bytes

MIB = 1024 * 1024


def test_memory_counts_children_and_shared_pages_once() -> None:
    alone = proportional_bytes(os.getpid())
    assert MIB < alone <= resident_bytes(os.getpid())
    hold = "import sys; held = b'x' * (32 << 20); print(flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None and child.stdout is not None
    try:
        child.stdout.readline()
        assert child.pid in descendants(os.getpid())
        assert proportional_bytes(os.getpid()) > alone + 24 * MIB
    finally:
        child.communicate()


def test_a_process_that_is_gone_counts_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert proportional_bytes(child.pid) == 0
