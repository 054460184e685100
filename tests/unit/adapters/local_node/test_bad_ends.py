"""Functions that end badly or never: AWS's own error, a fresh instance, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.unit.adapters.local_node.house import House

from pileus.adapters.local_node.cgroups import find_cgroups
from pileus.adapters.local_node.interpreters import own_interpreter
from pileus.adapters.local_node.processes import descendants
from pileus.compute.calls import Result

pytestmark = pytest.mark.sandbox
PYTHON_PATH = own_interpreter().executable
_OWN_GROUPS = f"pileus-{os.getpid()}-*"
TIMED_OUT, EXIT = "Sandbox.Timedout", "Runtime.ExitError"
GAP_S = 10.0
"""How long the platform's loop may be away from everybody else, on a machine that others use too."""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    before = _left_behind(tmp_path)  # of other tests, whose platforms may still run
    made = House(tmp_path)
    yield made
    await made.pools.close()
    await made.nodes.close()
    assert set(_left_behind(tmp_path)) <= set(before)


def _left_behind(tmp_path: Path) -> list[str]:
    """Of whatever a test did: processes, control groups, mounts, folders."""
    here = find_cgroups()[0]
    groups = [one for each in (here.folders if here else ()) for one in each.glob(_OWN_GROUPS)]
    mounts = Path("/proc/mounts").read_text().splitlines()
    return [
        *map(str, descendants(os.getpid())),
        *map(str, groups),
        *(mount for mount in mounts if str(tmp_path) in mount),
        *map(str, (tmp_path / "run").glob("tmp-*")),
    ]


@asynccontextmanager
async def responsive() -> AsyncIterator[None]:
    """Everybody else is served meanwhile: the event loop is never away for long."""
    loop = asyncio.get_running_loop()
    gaps: list[float] = []

    async def beat() -> None:
        last = loop.time()
        while True:
            await asyncio.sleep(0.02)
            gaps.append(loop.time() - last)
            last = loop.time()

    task = asyncio.create_task(beat())
    yield
    task.cancel()
    assert max(gaps) < GAP_S, f"the loop was away for {max(gaps):.2f} s"


def _error(result: Result) -> tuple[str, str]:
    document = json.loads(result.payload)
    return document["errorType"], document["errorMessage"]


PYTHON = """
import ctypes, os, resource, signal, socket, struct, sys, threading, time

def handler(event, context):
    return globals()[event](event, context)

def ok(event, context):
    return os.getpid()

def bomb(event, context):
    while True:
        try:
            os.fork()
        except OSError:
            pass

def eat(event, context):
    held = []
    while True:
        held.append(bytearray(16 << 20))

def eat_in_children(event, context):
    for _ in range(8):
        if os.fork() == 0:
            held = bytearray(60 << 20)
            time.sleep(60)
    time.sleep(60)

def eat_shared(event, context):
    place = os.memfd_create("x")
    while True:
        os.write(place, bytes(16 << 20))

def spin(event, context):
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    while True:
        pass

def print_blocks(event, context):
    for _ in range(3):
        os.fork()
    while True:
        os.write(1, b"x" * 65535 + b"\\n")

def print_lines(event, context):
    while True:
        os.write(1, b"\\n" * 65536)

def print_without_end(event, context):
    while True:
        os.write(2, b"x" * 65536)

def die(event, context):
    os.kill(os.getpid(), signal.SIGKILL)

def stop(event, context):
    os.kill(os.getpid(), signal.SIGSTOP)

def too_much(event, context):
    return "x" * 7_000_000

def deep(event, context):
    os.chdir("/tmp")
    for _ in range(2000):
        os.mkdir("d")
        os.chdir("d")
    time.sleep(60)

def daemon(event, context):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
            time.sleep(600)
        os._exit(0)
    os.wait()
    return os.getpid()
"""


@pytest.mark.parametrize(
    ("handler", "kinds", "word"),
    [
        ("bomb", {TIMED_OUT, EXIT}, ""),
        ("eat", {EXIT}, "Error: Runtime exited with error: signal: killed"),
        ("eat_in_children", {EXIT}, "Error: Runtime exited with error: signal: killed"),
        ("eat_shared", {EXIT}, "Error: Runtime exited with error: signal: killed"),
        ("spin", {TIMED_OUT}, "Error: Task timed out after 1.00 seconds"),
        ("print_blocks", {TIMED_OUT}, "Error: Task timed out after 1.00 seconds"),
        ("print_lines", {TIMED_OUT}, "Error: Task timed out after 1.00 seconds"),
        ("print_without_end", {TIMED_OUT}, "Error: Task timed out after 1.00 seconds"),
        ("die", {EXIT}, "Error: Runtime exited with error: signal: killed"),
        ("stop", {TIMED_OUT}, "Error: Task timed out after 1.00 seconds"),
        ("deep", {TIMED_OUT}, "Error: Task timed out after 1.00 seconds"),
    ],
)
async def test_python_s_bad_ends(house: House, handler: str, kinds: set[str], word: str) -> None:
    timeout_s = 10.0 if handler.startswith("eat") else 1.0
    target = house.target(PYTHON, timeout_s=timeout_s, tmp_mb=128)
    async with responsive():
        result = await asyncio.wait_for(house.call(target, handler), 20)
    kind, message = _error(result)
    assert kind in kinds
    assert message.startswith("RequestId: r1 Error: ") and message.endswith(word)
    if handler.startswith("eat"):
        assert "Error Type: Runtime.OutOfMemory" in "\n".join(house.log[-5:])
    again = await house.call(target, "ok")
    assert (again.function_error, again.is_cold) == ("", True)


async def test_an_answer_too_large_is_the_function_s_error_and_its_instance_stays(house) -> None:
    target = house.target(PYTHON)
    kind, message = _error(await house.call(target, "too_much"))
    assert kind == "Function.ResponseSizeTooLarge"
    assert message == (
        "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
    )
    assert (await house.call(target, "ok")).is_cold is False


async def test_a_daemon_stays_with_its_instance_and_ends_with_it(house: House) -> None:
    target = house.target(PYTHON)
    assert (await house.call(target, "daemon")).function_error == ""
    assert (await house.call(target, "ok")).is_cold is False
    # What is left is looked at by the fixture.


LINK = """
import os, socket, struct, time

def link():
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                return socket.socket(fileno=int(name))
        except OSError:
            pass

def frame(kind, header, payload=b"", size=None):
    return struct.pack("<IBxH", len(payload) if size is None else size, kind, len(header)) + header + payload

def handler(event, context):
    if event == "ok":
        return 1
    peer = link()
    if event == "close":
        peer.close()
    elif event == "half":
        peer.shutdown(socket.SHUT_WR)
    elif event == "trickle":
        peer.sendall(frame(4, b"1\\0r1", size=7_000_000) + bytes(6_000_000))
        while True:
            peer.send(b"x")
    elif event == "flood":
        while True:
            peer.sendall(frame(9, b"1") * 1000)
    else:
        peer.sendall(eval(event))
        time.sleep(60)
"""


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("os.urandom(1 << 20)", EXIT),
        ("frame(4, b'1\\0r1', size=0xFFFFFFFF)", EXIT),
        ("frame(4, b'1\\0other', b'1')", EXIT),
        ("frame(4, b'1\\0' + b'r' * 65000, b'1')", EXIT),
        ("frame(4, b'9' * 5000 + b'\\0r1', b'1')", EXIT),
        ("frame(4, b'\\0r1', b'1')", EXIT),
        ("frame(5, b'1\\0other', b'{}')", EXIT),
        ("frame(6, b'1\\0other', b'{}')", EXIT),
        ("frame(7, b'1\\0other\\0', b'x')", EXIT),
        ("frame(2, b'1')", EXIT),
        ("frame(3, b'1', b'{}')", EXIT),
        ("frame(255, b'1')", EXIT),
        ("flood", EXIT),
        ("trickle", TIMED_OUT),
        ("close", EXIT),
        ("half", EXIT),
    ],
)
async def test_garbage_on_the_link_ends_the_instance_that_sent_it(house, event, kind) -> None:
    target = house.target(LINK, timeout_s=1.0)
    async with responsive():
        result = await asyncio.wait_for(house.call(target, event), 20)
    assert _error(result)[0] == kind
    told = [line for line in house.log if "broke the protocol" in line]
    assert len(told) <= 1
    again = await house.call(target, "ok")
    assert (again.function_error, again.is_cold) == ("", True)


NODE = """
const { spawn } = require("node:child_process");
exports.handler = async (event) => exports[event]();
exports.ok = async () => 1;
exports.spin = async () => { for (;;) {} };
exports.eat = async () => { const held = []; for (;;) held.push(Buffer.alloc(16 << 20, 1)); };
exports.print = async () => { for (;;) require("fs").writeSync(1, "x".repeat(65535) + "\\n"); };
exports.die = async () => process.kill(process.pid, "SIGKILL");
exports.large = async () => "x".repeat(7000000);
exports.daemon = async () => {
  spawn("/bin/sleep", ["600"], { detached: true, stdio: "ignore" }).unref();
  return 1;
};
exports.descriptors = async () => require("fs").readdirSync("/proc/self/fd").map((name) => {
  try { return require("fs").readlinkSync("/proc/self/fd/" + name); } catch { return ""; }
});
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine")
@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        ("spin", TIMED_OUT),
        ("eat", EXIT),
        ("print", TIMED_OUT),
        ("die", EXIT),
        ("large", "Function.ResponseSizeTooLarge"),
        ("daemon", ""),
    ],
)
async def test_node_s_bad_ends(house: House, handler: str, kind: str) -> None:
    runtime: dict[str, Any] = {"runtime": "nodejs20.x", "file": "index.js"}
    timeout_s = 1.5 if kind == TIMED_OUT else 60.0
    target = house.target(NODE, "index.handler", timeout_s=timeout_s, **runtime)
    async with responsive():
        result = await asyncio.wait_for(house.call(target, handler), 120)
    assert (_error(result)[0] if kind else result.function_error) == kind
    if handler == "eat":
        assert "Error Type: Runtime.OutOfMemory" in "\n".join(house.log[-5:])
    assert (await house.call(target, "ok")).function_error == ""


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine")
async def test_node_finds_nothing_open_but_its_own(house: House) -> None:
    target = house.target(NODE, "index.descriptors", runtime="nodejs20.x", file="index.js")
    names = json.loads((await house.call(target, 1)).payload)
    kinds = {name.split(":")[0] for name in names if name}
    assert kinds <= {"/dev/null", "pipe", "socket", "anon_inode", "/proc/2/fd", "/dev/urandom"}
    assert sum(name.startswith("socket:") for name in names) == 1


BOOTSTRAP = """#!{python} -IS
import http.client, json, os, socket, time
host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].partition(":")
place, what = (host, int(port)), os.environ["_HANDLER"]
BASE = "/2018-06-01/runtime/"
def call(method, path, body=None):
    api = http.client.HTTPConnection(*place)
    api.request(method, BASE + path, body)
    answer = api.getresponse()
    return answer, answer.read()
def flood(opening, more):
    peer = socket.create_connection(place)
    peer.sendall(opening)
    try:
        for _ in range(1 << 16):
            peer.sendall(more)
    except OSError:
        pass
    return peer
if what == "never asks":
    time.sleep(60)
if what == "leaves":
    raise SystemExit(3)
answer, event = call("GET", "invocation/next")
request_id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
left = 0
if what == "descriptors":
    left = [os.readlink("/proc/self/fd/" + n) for n in os.listdir("/proc/self/fd")
            if os.path.lexists("/proc/self/fd/" + n)]
elif what == "late init error":
    left = call("POST", "init/error", b"{{}}")[0].status
elif what == "endless line":
    left = flood(b"GET /", b"x" * 65536).recv(12).decode()
elif what == "endless headers":
    left = flood(b"GET / HTTP/1.1\\r\\n", b"a: " + b"x" * 8192 + b"\\r\\n").recv(12).decode()
elif what == "takes no answers":
    peer = socket.create_connection(place)
    peer.settimeout(0.3)
    try:
        while left < 64 << 20:
            left += peer.send(b"GET /nowhere HTTP/1.1\\r\\n\\r\\n" * 4096)
    except TimeoutError:
        pass
elif what == "asks twice":
    peer = socket.create_connection(place)
    peer.sendall((b"GET " + BASE.encode() + b"invocation/next HTTP/1.1\\r\\n\\r\\n") * 3)
    left = peer.recv(1).decode()
elif what == "many connections":
    held = []
    for _ in range(400):
        held.append(socket.create_connection(place))
    time.sleep(0.2)
    for one in held:
        one.setblocking(False)
        try:
            left += one.recv(1) != b""
        except BlockingIOError:
            left += 1
    del held, one
elif what == "another's id":
    left = call("POST", "invocation/somebody/response", b"1")[0].status
elif what == "huge answer":
    left = call("POST", "invocation/" + request_id + "/response", b"x" * 7_000_000)[0].status
elif what == "upgrade":
    peer = socket.create_connection(place)
    peer.sendall(b"GET / HTTP/1.1\\r\\nConnection: upgrade\\r\\nUpgrade: x\\r\\n\\r\\njunk")
    left = peer.recv(12).decode()
call("POST", "invocation/" + request_id + "/response", json.dumps(left))
while True:
    time.sleep(60)
"""


def _custom(house: House, what: str, **more: Any) -> Any:
    text = BOOTSTRAP.format(python=PYTHON_PATH)
    (house.code_dir / "bootstrap").write_text(text)
    (house.code_dir / "bootstrap").chmod(0o755)
    return house.target("", what, runtime="provided.al2023", **{"timeout_s": 10.0, **more})


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("late init error", 403),
        ("endless line", "HTTP/1.1 431"),
        ("endless headers", "HTTP/1.1 431"),
        ("asks twice", ""),
        ("another's id", 400),
        ("upgrade", "HTTP/1.1 404"),
    ],
)
async def test_a_runtime_s_nonsense_is_refused_and_does_not_hurt(house, what, answer) -> None:
    async with responsive():
        result = await asyncio.wait_for(house.call(_custom(house, what), 1), 20)
    assert json.loads(result.payload) == answer, house.log


async def test_what_a_runtime_can_make_the_platform_keep_is_bounded(house: House) -> None:
    sent = json.loads((await house.call(_custom(house, "takes no answers"), 1)).payload)
    assert sent < 16 << 20
    await house.pools.close()
    open_connections = json.loads((await house.call(_custom(house, "many connections"), 1)).payload)
    assert open_connections <= 128


@pytest.mark.parametrize(
    ("what", "kind", "word"),
    [
        ("never asks", TIMED_OUT, "Task timed out after 0.50 seconds"),
        ("leaves", EXIT, "Runtime exited with error: exit status 3"),
        ("huge answer", "Function.ResponseSizeTooLarge", "(6291556 bytes)."),
    ],
)
async def test_a_runtime_s_bad_ends(house: House, what: str, kind: str, word: str) -> None:
    is_late = what == "never asks"
    target = _custom(house, what, **({"init_timeout_s": 0.5, "timeout_s": 0.5} if is_late else {}))
    result = await asyncio.wait_for(house.call(target, 1), 20)
    assert _error(result)[0] == kind
    assert _error(result)[1].endswith(word)


async def test_a_runtime_finds_nothing_open_but_its_streams(house: House) -> None:
    names = json.loads((await house.call(_custom(house, "descriptors"), 1)).payload)
    assert sorted({name.split(":")[0] for name in names}) == ["/dev/null", "pipe"]
