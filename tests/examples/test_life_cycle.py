"""A function's life: its module runs once an instance, its handler many times, and idle it is not there.

The handlers name their process, so that the machine itself tells how many instances there are.
"""

from __future__ import annotations

import base64
import io
import json
import math
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.commands import is_ci
from tests.conformance.live import LivePlatform
from tests.waiting import until

IDLE_S = 3
INIT_MS, HANDLER_MS = 200, 30
ROLE = "arn:aws:iam::000000000000:role/life"
PYTHON_SOURCE = f"""
import ctypes, time, uuid

ctypes.CDLL(None).prctl(15, b"NAME", 0, 0, 0)
INSTANCE = uuid.uuid4().hex
print("module scope of", INSTANCE, flush=True)
time.sleep({INIT_MS / 1000})
calls = 0


def handler(event, context):
    global calls
    calls += 1
    time.sleep(event.get("ms", {HANDLER_MS}) / 1000)
    return {{"instance": INSTANCE, "calls": calls}}
"""
NODE_SOURCE = f"""
import {{ randomUUID }} from 'node:crypto';
import {{ setTimeout }} from 'node:timers/promises';

process.title = 'NAME';
const instance = randomUUID();
console.log('module scope of', instance);
await setTimeout({INIT_MS});
let calls = 0;

export const handler = async (event) => {{
  calls += 1;
  await setTimeout(event.ms ?? {HANDLER_MS});
  return {{ instance, calls }};
}};
"""
LANGUAGES = {
    "python": ("python3.12", "app.handler", "app.py", PYTHON_SOURCE),
    "node": ("nodejs22.x", "app.handler", "app.mjs", NODE_SOURCE),
}
_REPORT = re.compile(
    r"REPORT RequestId: \S+\tDuration: (?P<duration>[\d.]+) ms\tBilled Duration: (?P<billed>\d+) ms\t"
    r"Memory Size: (?P<size>\d+) MB\tMax Memory Used: (?P<used>\d+) MB\t"
    r"(?:Init Duration: (?P<init>[\d.]+) ms\t)?$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Call:
    """What a call answered, and its REPORT line."""

    instance: str
    calls: int
    duration_ms: float
    billed_ms: int
    memory_mb: int
    used_mb: int
    init_ms: float | None


@dataclass
class Function:
    """A function of its own on the platform."""

    platform: LivePlatform
    name: str

    def call(self, **event: Any) -> Call:
        client = self.platform.client("lambda", read_timeout=60, max_pool_connections=20)
        reply = client.invoke(FunctionName=self.name, Payload=json.dumps(event), LogType="Tail")
        answer = json.loads(reply["Payload"].read())
        assert "FunctionError" not in reply, answer
        found = _REPORT.search(base64.b64decode(reply["LogResult"]).decode())
        assert found is not None, base64.b64decode(reply["LogResult"])
        return Call(
            answer["instance"],
            answer["calls"],
            float(found["duration"]),
            int(found["billed"]),
            int(found["size"]),
            int(found["used"]),
            float(found["init"]) if found["init"] else None,
        )

    def processes(self) -> int:
        """How many instances there are, as the machine sees it."""
        count = 0
        for entry in Path("/proc").iterdir():
            try:
                is_ours = (entry / "comm").read_text().strip() == self.name
            except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
                continue
            count += is_ours
        return count

    def inits(self) -> list[str]:
        """Instances whose module scope ran, by the log."""
        logs = self.platform.client("logs")
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{self.name}", filterPattern='"module scope of"'
        )
        return [event["message"].split()[-1] for page in pages for event in page["events"]]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlatform]:
    folder = tmp_path_factory.mktemp("life") / "data"
    made = LivePlatform(folder, options=("--idle-s", str(IDLE_S))).start()
    made.add_role("life")
    yield made
    made.stop()


@pytest.fixture(params=LANGUAGES)
def make(platform: LivePlatform, request: pytest.FixtureRequest) -> Callable[[str], Function]:
    """Makes functions; a name has fifteen characters at most, as those of processes."""
    if request.param == "node" and shutil.which("node") is None and not is_ci():
        pytest.skip("node is not on the path")
    runtime, handler, file, source = LANGUAGES[request.param]

    def add(name: str) -> Function:
        name = f"{name}-{request.param}"
        assert len(name) <= 15
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(file, source.replace("NAME", name))
        platform.client("lambda").create_function(
            FunctionName=name,
            Runtime=runtime,
            Handler=handler,
            Role=ROLE,
            Code={"ZipFile": packed.getvalue()},
            MemorySize=256,
            Timeout=30,
        )
        return Function(platform, name)

    return add


def test_init_once_then_the_handler_many_times(make: Callable[[str], Function]) -> None:
    function = make("once")
    assert function.processes() == 0, "nothing runs before the first call"
    calls = [function.call() for _ in range(6)]
    assert len({call.instance for call in calls}) == 1
    assert [call.calls for call in calls] == [1, 2, 3, 4, 5, 6]
    assert function.processes() == 1
    until(lambda: function.inits() == [calls[0].instance], "the one init")


def test_the_report_tells_cold_from_warm(make: Callable[[str], Function]) -> None:
    function = make("told")
    cold, *warm = [function.call() for _ in range(4)]
    assert cold.init_ms is not None and cold.init_ms >= INIT_MS
    assert [call.init_ms for call in warm] == [None] * 3
    for call in (cold, *warm):
        # Timers of Node.js may be a millisecond early.
        assert call.duration_ms >= HANDLER_MS - 2
        # The line's figures are rounded to hundredths.
        billed = call.duration_ms + (call.init_ms or 0)
        assert math.ceil(billed - 0.02) <= call.billed_ms <= math.ceil(billed + 0.02)
        assert call.memory_mb == 256
        assert 0 < call.used_mb <= 256


def test_an_instance_takes_one_call_at_a_time(make: Callable[[str], Function]) -> None:
    function = make("wide")
    with ThreadPoolExecutor(3) as threads:
        together = list(threads.map(lambda _: function.call(ms=1500), range(3)))
    instances = {call.instance for call in together}
    assert len(instances) == 3
    assert all(call.calls == 1 and call.init_ms is not None for call in together)
    assert function.processes() == 3
    again = function.call()
    assert again.instance in instances and again.calls == 2
    until(lambda: set(function.inits()) == instances, "an init of each")


@pytest.mark.slow
def test_nothing_runs_when_idle_and_the_next_call_is_cold(make: Callable[[str], Function]) -> None:
    function = make("idle")
    first = function.call()
    assert function.processes() == 1
    until(lambda: function.processes() == 0, "the instance's end")
    again = function.call()
    assert again.instance != first.instance
    assert again.calls == 1 and again.init_ms is not None
    until(lambda: function.inits() == [first.instance, again.instance], "the second init")


def test_new_code_is_a_new_life(make: Callable[[str], Function]) -> None:
    function = make("new")
    before = function.call()
    function.platform.client("lambda").update_function_configuration(
        FunctionName=function.name, Environment={"Variables": {"CHANGED": "yes"}}
    )
    after = function.call()
    assert after.instance != before.instance
    assert after.calls == 1 and after.init_ms is not None
    until(lambda: function.processes() == 1, "the old instance's end")
