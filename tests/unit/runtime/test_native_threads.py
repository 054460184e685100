"""What threads of libraries are called, each tried in a process of its own."""

from __future__ import annotations

import subprocess
import sys

_UNTIL = """
import os, threading, time
from pileus.runtime import native_threads
def told(wanted):
    # A thread has its name, and a stack that tells of its library, once it waits for something.
    give_up_s = time.monotonic() + 60
    while True:
        names = native_threads.names({os.getpid()})
        if any(wanted in name for name in names) or time.monotonic() > give_up_s:
            return names
        time.sleep(0.01)
"""


def _printed(program: str) -> str:
    command = [sys.executable, "-c", _UNTIL + program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.strip()


def test_a_thread_without_a_name_is_its_library_s() -> None:
    text = _printed("""
import cv2, numpy
cv2.setNumThreads(3)
cv2.GaussianBlur(numpy.zeros((2000, 2000), numpy.uint8), (9, 9), 0)
print(told("cv2"), flush=True)
os._exit(0)
""")
    assert "'cv2.abi3.so'" in text


def test_a_name_that_a_library_gave_is_told() -> None:
    text = _printed("""
import ctypes
def named():
    ctypes.CDLL(None).prctl(15, b"pool-7")
    time.sleep(600)
threading.Thread(target=named, daemon=True).start()
print(told("pool-7"), flush=True)
os._exit(0)
""")
    assert text == "['pool-7']"


def test_of_others_nothing_is_made_up() -> None:
    text = _printed("""
import _thread
_thread.start_new_thread(time.sleep, (600,))
print(told("of a native library"), flush=True)
os._exit(0)
""")
    assert text == "['of a native library']"


def test_known_threads_are_left_out() -> None:
    text = _printed("""
thread = threading.Thread(target=time.sleep, args=(600,), daemon=True)
thread.start()
print(native_threads.names({os.getpid(), thread.native_id}), flush=True)
os._exit(0)
""")
    assert text == "[]"
