"""A container to come, as its keeper holds it: process 1 in namespaces of its own, waiting for its plan.

It was forked, put into its namespaces and given its ``/dev`` and ``/proc`` beforehand, so that a start
waits for none of that.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
from typing import Any

from pileus.runtime import container_process, messages

_MOUNTS = "/proc/self/mounts"
_STATUS_BYTES = 65_536


class Blank:
    """Forked and waited for by the constructor. Raises OSError: what the kernel refuses.

    Attributes:
        pid: of process 1, a child of this process.
        output: where its program's output will arrive; whoever starts it closes this.
        status: says nothing and ends once the program runs, or says why it does not.
    """

    def __init__(self) -> None:
        self._mounts = os.open(_MOUNTS, os.O_RDONLY | os.O_CLOEXEC)
        self.output, output = os.pipe()
        os.fchmod(output, 0o666)  # a program may open /dev/stdout by name
        self.status, status = os.pipe()
        self._orders, orders = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            first = os.fork()
            if first == 0:
                self._orders.close()  # or it would never learn of this process's end
                container_process.wait(output, status, orders)
        except OSError:
            self._let_go()
            os.close(self.output)
            raise
        finally:
            orders.close()
            os.close(output)
            os.close(status)
        self.pid = self._hear(first)
        self._watch = select.poll()
        self._watch.register(self._mounts, select.POLLPRI)
        self._watch.register(self._orders, 0)  # hang-up only

    @property
    def is_fresh(self) -> bool:
        """Whether it is there and sees the machine's mounts as they are: its own were copied when it
        was made."""
        return not self._watch.poll(0)

    def begin(self, task: dict[str, Any], container: dict[str, Any]) -> None:
        """Let it become a container; the plans in plain form. Raises OSError, and has then ended it."""
        try:
            messages.send(self._orders, {"task": task, "container": container})
        finally:
            self._orders.close()
            os.close(self._mounts)

    def drop(self) -> None:
        """It is not needed: end it."""
        os.close(self.output)
        self._let_go()
        with contextlib.suppress(ChildProcessError):  # somebody who waits for all children met it
            os.waitpid(self.pid, 0)

    def _hear(self, first: int) -> int:
        """Process 1 is this process's own child once its parent, the first one, has left."""
        told = json.loads(os.read(self.status, _STATUS_BYTES).partition(b"\n")[0] or b"{}")
        os.waitpid(first, 0)
        if "pid" not in told:
            os.close(self.output)
            self._let_go()
            raise OSError(told.get("failure", "its first process ended"))
        return int(told["pid"])

    def _let_go(self) -> None:
        os.close(self._mounts)
        os.close(self.status)
        self._orders.close()
