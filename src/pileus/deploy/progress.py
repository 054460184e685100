"""How a deployment tells what it is doing; the command line shows it, tests collect it."""

from __future__ import annotations

from typing import Protocol

from pileus.deploy.stacks import ResourceProgress


class Progress(Protocol):
    """Called from the thread that deploys."""

    def step(self, what: str) -> None:
        """A new part of the work begins (``Packing shop.zip``)."""
        ...

    def detail(self, what: str) -> None:
        """Something about the present step, shown in passing."""
        ...

    def warn(self, what: str) -> None:
        """Something that works, but not as written."""
        ...

    def resource(self, event: ResourceProgress) -> None:
        """An event of the stack."""
        ...
