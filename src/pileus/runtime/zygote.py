"""The fork server: one per interpreter and preload list, single-threaded, forks blank instances.

It is a separately executed Python process that speaks to its node over the SOCK_SEQPACKET on
descriptor 0. Nothing here may start a thread or open a client: forked children would inherit
locks without owners. Everything a child needs is imported before the first fork.

Messages from the node: ``configure`` once, then ``spawn`` with the descriptors
``[control, link, log, control groups' entrances…]`` of one instance each; for the source of a
snapshot (``keeps``) its keeper's channel comes first.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
from typing import Any

from pileus.runtime import (
    instance_init,
    linux,
    messages,
    python_client,
    sandbox,
    snapshot_keeper,
    worker,
)

_PRELOADED = (instance_init, python_client, snapshot_keeper, worker)


def main() -> None:
    """Serve until the node closes the channel or dies; never returns."""
    try:
        _serve()
    except (BrokenPipeError, ConnectionResetError):
        os._exit(0)


def _serve() -> None:
    channel = socket.socket(fileno=os.dup(0))
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    configuration, _ = messages.receive(channel)
    if configuration is None:
        os._exit(0)
    try:
        prepared = _configure(configuration)
    except Exception as error:
        messages.send(channel, {"event": "failed", "reason": f"{type(error).__name__}: {error}"})
        os._exit(1)
    messages.send(channel, {"event": "configured"})
    gc.collect()
    gc.freeze()
    while True:
        request, descriptors = messages.receive(channel)
        if request is None:
            os._exit(0)
        _spawn(channel, prepared, descriptors, keeps=bool(request.get("keeps")))


def _configure(configuration: dict[str, Any]) -> sandbox.Plan:
    plan = sandbox.Plan(**configuration["plan"])
    sys.path[:] = configuration["python_path"]
    sys.dont_write_bytecode = True
    linux.become_subreaper()
    plan.prepare()
    for name in configuration["preload"]:
        # Preloading only saves time: what this tree does not show is imported by the instance.
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    # Folders that only instances are shown must not be remembered as missing.
    importlib.invalidate_caches()
    if plan.thread_count() > 1:
        raise RuntimeError(f"importing {configuration['preload']} started threads")
    return plan


def _spawn(
    channel: socket.socket, plan: sandbox.Plan, descriptors: list[int], *, keeps: bool
) -> None:
    keeper = descriptors.pop(0) if keeps else -1
    try:
        pid = os.fork()
    except OSError as error:
        control = socket.socket(fileno=os.dup(descriptors[0]))
        messages.send(control, {"event": "failed", "reason": f"fork: {error}"})
        control.close()
        pid = -1
    if pid != 0:
        for descriptor in (*descriptors, keeper):
            if descriptor >= 0:
                os.close(descriptor)
        return
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    channel.close()
    instance_init.run(plan, descriptors, keeper)
