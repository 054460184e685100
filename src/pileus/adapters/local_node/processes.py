"""Looking at and ending process trees through ``/proc``, where no namespace or cgroup does it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def descendants(pid: int) -> list[int]:
    """Processes below ``pid``, parents first, without it."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        for child in _children(waiting.pop()):
            found.append(child)
            waiting.append(child)
    return found


def kill_tree(pid: int) -> None:
    """Stop, then kill everything below ``pid``: stopped processes cannot fork away."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        seen: set[int] = set()
        while True:
            fresh = [one for one in descendants(pid) if one not in seen]
            if not fresh:
                break
            seen.update(fresh)
            for one in fresh:
                _signal(one, number)


def pid_of(pidfd: int) -> int:
    """The number of a process as seen from here; 0 or less when it is gone."""
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
        if line.startswith("Pid:"):
            return int(line.split()[1])
    return 0


def namespace_members(pid: int) -> list[int]:
    """Process 1 of a process namespace, and the others in it that have its parent."""
    try:
        own = os.readlink(f"/proc/{pid}/ns/pid")
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return [pid]
    found = [pid]
    for other in _children(int(status.rpartition(")")[2].split()[1])):
        try:
            if other != pid and os.readlink(f"/proc/{other}/ns/pid") == own:
                found.append(other)
        except OSError:
            continue  # it has just ended
    return found


def anonymous_bytes(pids: list[int]) -> int:
    """Memory of processes and of everything below them without files; what copies share counts."""
    total = 0
    for pid in pids:
        for one in [pid, *descendants(pid)]:
            try:
                text = Path(f"/proc/{one}/status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            found = [line for line in text.splitlines() if line.startswith("RssAnon:")]
            total += int(found[0].split()[1]) * 1024 if found else 0
    return total


def resident_bytes(pid: int) -> int:
    """Resident memory of ``pid`` and everything below, shared pages counted in each."""
    total = 0
    for one in [pid, *descendants(pid)]:
        try:
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * _PAGE_BYTES
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def proportional_bytes(pid: int) -> int:
    """Memory of ``pid`` and everything below, each shared page divided among those that share it.

    Takes about a millisecond a process, so do not call it in the event loop. A process that may not
    be looked at counts with what is resident.
    """
    total = 0
    for one in [pid, *descendants(pid)]:
        try:
            total += _proportional(one)
        except PermissionError:
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * _PAGE_BYTES
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def _proportional(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _children(pid: int) -> list[int]:
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found += Path(f"/proc/{pid}/task/{task}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(one) for one in found]


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
