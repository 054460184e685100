"""The machine: its cores, its name, and what a tree of processes takes of it.

Read from ``/proc`` (proc(5)); Linux only, like the sandbox that is measured.
"""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from pathlib import Path

_TICKS_S = os.sysconf("SC_CLK_TCK")


_CORES = os.sched_getaffinity(0)
"""Taken at import: the process moves itself about while it measures."""


def client_cores() -> set[int]:
    """The core of the load generator."""
    return {max(_CORES)}


def server_cores() -> set[int]:
    """Every other core: what is measured runs there, and so does its floor."""
    others = _CORES - client_cores()
    if not others:
        raise SystemExit("benches need two cores: the client must not take the server's time")
    return others


def tree(pid: int) -> list[int]:
    """A process and everything below it, alive now."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for each in found:
        found.extend(children.get(each, ()))
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds of a tree so far, user and system, waited-for dead children included."""
    ticks = 0
    for each in tree(pid):
        if fields := _stat(each):
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / _TICKS_S


def pss_mb(pid: int) -> float:
    """Proportional set size of a tree, in MiB."""
    total_kib = 0
    for each in tree(pid):
        for line in Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total_kib += int(line.split()[1])
    return total_kib / 1024


def _stat(pid: int) -> list[str]:
    """The fields of ``/proc/<pid>/stat`` from the third on; nothing for a process that is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text[text.rindex(")") + 2 :].split()


@cache
def machine() -> str:
    """Processor, cores, kernel, Python."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    cores, kernel = len(_CORES), platform.release().partition("-")[0]
    return f"{model}, {cores} cores, Linux {kernel}, Python {platform.python_version()}"


@cache
def commit() -> str:
    """The commit measured, marked where the sources differ from it."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=here, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    name = git("rev-parse", "--short=12", "HEAD") or "unknown"
    return f"{name}+" if git("status", "--porcelain", "--", ":/src") else name
