"""What a serverless.yml may read of the world, as callables handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


def _nothing(name: str) -> str | None:
    del name
    return None


@dataclass(frozen=True, slots=True)
class Sources:
    """Where variables come from. Each callable returns None for what does not exist.

    Attributes:
        read_file: (path relative to the service's folder) -> text.
        environment: the process's environment variables.
        parameter: (Systems Manager parameter name) -> value.
        stack_output: (``stack.Output``) -> value of another stack's output.
        account: the caller's account id, ``${aws:accountId}``.
        instance_id: a random word for this run, ``${sls:instanceId}``.
    """

    read_file: Callable[[str], str | None] = _nothing
    environment: Mapping[str, str] = field(default_factory=dict)
    parameter: Callable[[str], str | None] = _nothing
    stack_output: Callable[[str], str | None] = _nothing
    account: str = "000000000000"
    instance_id: str = "local"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line said.

    Attributes:
        stage, region: None where not given.
        params: ``--param key=value``.
        others: further options, for ``${opt:name}``.
    """

    stage: str | None = None
    region: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str | None:
        """The value of ``--name``."""
        known = {"stage": self.stage, "region": self.region}
        return known[name] if name in known else self.others.get(name)
