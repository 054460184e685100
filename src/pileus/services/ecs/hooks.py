"""Timed work of this room."""

from __future__ import annotations

from typing import Any

from pileus.kernel.calls import WriteCall
from pileus.services.ecs import deploying, model, store


def forget_task(call: WriteCall, payload: dict[str, Any]) -> None:
    """A task stopped long ago is told of no more."""
    task = store.get_task(call, payload["id"])
    if task is not None and task.status == model.STOPPED:
        store.remove_task(call, task)


def tend_service(call: WriteCall, payload: dict[str, Any]) -> None:
    """The pause of a failing service is over."""
    deploying.tend(call, payload["cluster"], payload["service"])
