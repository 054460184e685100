"""What functions register to run before a snapshot of them is taken and after a copy of it was made.

AWS's Python runtimes bring a module of this name and interface along, so functions import it without
packaging it. A package of their own wins: the runtime asks whichever module was imported.
https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["register_after_restore", "register_before_snapshot"]

Hook = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
F = TypeVar("F", bound=Callable[..., Any])

_before: list[Hook] = []
_after: list[Hook] = []


def register_before_snapshot(func: F, *args: Any, **kwargs: Any) -> F:
    """Have ``func`` called, with these arguments, before the snapshot; the last registered runs first.

    Gives ``func`` back, so that it serves as a decorator.
    """
    _before.append((func, args, kwargs))
    return func


def register_after_restore(func: F, *args: Any, **kwargs: Any) -> F:
    """Have ``func`` called, with these arguments, in every copy; the first registered runs first.

    Gives ``func`` back, so that it serves as a decorator.
    """
    _after.append((func, args, kwargs))
    return func


def get_before_snapshot() -> list[Hook]:
    """The hooks themselves, for the runtime."""
    return _before


def get_after_restore() -> list[Hook]:
    """The hooks themselves, for the runtime."""
    return _after
