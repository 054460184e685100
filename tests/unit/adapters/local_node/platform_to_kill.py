"""A platform with one hanging instance, which says who its processes are and waits to be killed.

Run by ``test_death.py`` with a scratch folder as its argument.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from pileus.adapters.clock_system import SystemClock
from pileus.adapters.local_node import LocalNodes, LocalNodeSettings
from pileus.adapters.local_node.processes import descendants
from pileus.ports.nodes import InstanceSpec, Invocation

_SOURCE = "import os, time\ndef handler(event, context):\n    os.fork()\n    time.sleep(600)\n"


async def main(scratch: Path) -> None:
    """Start, call, report, hang."""
    nodes = LocalNodes(LocalNodeSettings(scratch / "run"), SystemClock())
    spec = InstanceSpec("f", "python3.11", "app.handler", str(scratch / "code"), timeout_s=900)
    link = await nodes.start(await nodes.place(spec), spec, lambda _: None)
    call = asyncio.create_task(link.invoke(Invocation("r", b"1", "arn", 2**52, 900.0)))
    await asyncio.sleep(0.3)
    print(*descendants(nodes.fork_servers()[0].pid), nodes.fork_servers()[0].pid, flush=True)
    await call


if __name__ == "__main__":
    (Path(sys.argv[1]) / "code").mkdir()
    (Path(sys.argv[1]) / "code" / "app.py").write_text(_SOURCE)
    asyncio.run(main(Path(sys.argv[1])))
