"""A pool over the real local node, for tests of what instances do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from pileus.adapters.clock_system import SystemClock
from pileus.adapters.local_node import LocalNodes, LocalNodeSettings
from pileus.compute.calls import Call, Result, Target
from pileus.compute.environment import Identity, variables
from pileus.compute.pools import Pools, PoolServices
from pileus.ports.nodes import InstanceSpec, LogLine
from pileus.testing import SeededChance

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"


class House:
    """Pools over the real node; what functions print is in ``log``."""

    def __init__(self, tmp_path: Path) -> None:
        self.code_dir = tmp_path / "code"
        self.code_dir.mkdir()
        self.nodes = LocalNodes(LocalNodeSettings(tmp_path / "run"), SystemClock())
        self.log: list[str] = []
        self.pools = Pools(
            PoolServices(
                self.nodes,
                SystemClock(),
                SeededChance(1),
                self._credentials,
                self._write_log,
                lambda _: None,
            )
        )

    async def _credentials(self, target: Target) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "ASIA1",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "token",
        }

    def _write_log(self, target: Target, stream: str, lines: Sequence[LogLine]) -> None:
        self.log += [line.text for line in lines]

    def target(
        self, source: str, handler: str = "app.handler", *, file: str = "app.py", **more: Any
    ) -> Target:
        """A function whose package is ``source`` in ``file``; ``log_format`` and the members of
        InstanceSpec may be given."""
        (self.code_dir / file).write_text(source)
        runtime = more.pop("runtime", "python3.11")
        log_format = more.pop("log_format", "Text")
        memory_mb = more.setdefault("memory_mb", 256)
        spec = InstanceSpec("f", runtime, handler, str(self.code_dir), **more)
        identity = Identity(
            "f", "$LATEST", "us-east-1", runtime, handler, memory_mb, "/aws/lambda/f"
        )
        environment = variables(replace(identity, log_format=log_format), {"MINE": "1"}, {})
        spec = replace(spec, environment=environment)
        return Target("000000000000/us-east-1", "f", "$LATEST", "1", spec)

    async def call(self, target: Target, event: object, **more: str) -> Result:
        """Invoke it as request ``r1``."""
        return await self.pools.invoke(target, Call("r1", json.dumps(event).encode(), ARN, **more))
