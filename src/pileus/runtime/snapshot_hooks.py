"""Runs what a function registered with ``snapshot_restore_py``, ours or the one it packaged."""

from __future__ import annotations

import sys

_MODULE = "snapshot_restore_py"


def run_before_snapshot() -> None:
    """The last registered first, each once; what one of them raises ends it."""
    module = sys.modules.get(_MODULE)
    if module is None:
        return
    hooks = module.get_before_snapshot()
    while hooks:
        function, positional, named = hooks.pop()
        function(*positional, **named)


def run_after_restore() -> None:
    """In order of registration; what one of them raises ends it."""
    module = sys.modules.get(_MODULE)
    if module is None:
        return
    for function, positional, named in module.get_after_restore():
        function(*positional, **named)
