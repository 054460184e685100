"""A container to come: it waits without its plan, ends unneeded, and is not used once mounts have changed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(os.getuid() != 0, reason="only root makes namespaces without users' own"),
]
_BEGIN = """
import os, sys
from pileus.runtime import linux
from pileus.runtime.container_blank import Blank
linux.unshare(linux.CLONE_NEWNS)
linux.make_mounts_private()
linux.become_subreaper()
blank = Blank()
"""


def _says(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _BEGIN + program], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_waits_in_namespaces_of_its_own_and_ends_unneeded() -> None:
    program = """
own, its = (os.readlink(f"/proc/{pid}/ns/pid") for pid in (os.getpid(), blank.pid))
assert own != its and os.readlink(f"/proc/{blank.pid}/ns/mnt") != os.readlink("/proc/self/ns/mnt")
blank.drop()
print(os.path.exists(f"/proc/{blank.pid}"))
"""
    assert _says(program) == "False"


def test_it_is_fresh_until_the_machine_mounts_something() -> None:
    program = """
before = blank.is_fresh
linux.mount("tmpfs", "/mnt", "tmpfs", 0)
print(before, blank.is_fresh)
blank.drop()
"""
    assert _says(program) == "True False"


def test_one_that_was_killed_is_not_fresh() -> None:
    program = """
os.kill(blank.pid, 9)
os.waitpid(blank.pid, 0)
print(blank.is_fresh)
blank.drop()
"""
    assert _says(program) == "False"


def test_what_it_cannot_become_it_says() -> None:
    program = """
plan = {"name": "main", "folder": "/nowhere", "lowers": [], "upper_dir": "/nowhere/u",
        "work_dir": "/nowhere/w", "command": ["true"], "environment": {}, "old_root": ".x",
        "mounts": [], "entrances": ["/nowhere/tasks"]}
task = {"folder": "/nowhere", "gateway_port": 0, "metadata_address": "", "seccomp_path": "",
        "is_root": True}
blank.begin(task, plan)
print(os.read(blank.status, 1000).decode())
os.waitpid(blank.pid, 0)
"""
    assert "No such file or directory: '/nowhere/tasks'" in _says(program)
