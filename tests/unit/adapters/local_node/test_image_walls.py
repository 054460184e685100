"""What a container image cannot do, tried by a program inside one and by images made to mislead."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.adapters.local_node.inside import ask, free_port

from pileus.adapters.clock_system import SystemClock
from pileus.adapters.local_node import LocalNodes, LocalNodeSettings, Tier
from pileus.compute.images.layer_unpacking import unpack_layer
from pileus.ports.nodes import (
    Exit,
    ExitReason,
    ImageRoot,
    InitFailed,
    InstanceSpec,
    Invocation,
    Link,
    LogLine,
    NoCapacity,
    RuntimeUnavailable,
)
from pileus.testing.images import python_layer, tar_of

pytestmark = pytest.mark.sandbox
RUNTIME = b"""
import ctypes, errno, json, os, signal, socket, sys, urllib.request

libc = ctypes.CDLL(None, use_errno=True)
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"


def attempt(event):
    try:
        return repr(eval(event["try"], dict(globals(), event=event)))
    except BaseException as error:
        return f"{type(error).__name__}: {getattr(error, 'errno', '')}"


while True:
    with urllib.request.urlopen(api + "next") as told:
        request, event = told.headers["Lambda-Runtime-Aws-Request-Id"], json.load(told)
    answer = json.dumps(attempt(event)).encode()
    urllib.request.urlopen(api + request + "/response", answer).close()
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return _unpacked(tmp_path_factory.mktemp("base"), python_layer())


def _unpacked(folder: Path, layer: bytes) -> str:
    unpack_layer(io.BytesIO(layer).read, str(folder))
    return str(folder)


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[LocalNodes]:
    settings = LocalNodeSettings(tmp_path / "run", gateway_port=free_port(), tier=Tier.A)
    made = LocalNodes(settings, SystemClock())
    yield made
    await made.close()


def _layer(tmp_path: Path, files: dict[str, bytes | str], mode: int = 0o755) -> str:
    folder = tmp_path / "top"
    folder.mkdir()
    return _unpacked(folder, tar_of({"srv/run.py": RUNTIME, **files}, mode))


def _spec(lowers: tuple[str, ...], **more: Any) -> InstanceSpec:
    image = ImageRoot(lowers, ("/usr/local/bin/python3", "-S"), ("/srv/run.py",), "/srv")
    environment = {"PATH": "/usr/local/bin"}
    return InstanceSpec("f", "provided", "", "", image=image, environment=environment, **more)


@contextlib.asynccontextmanager
async def _instance(nodes: LocalNodes, spec: InstanceSpec) -> AsyncIterator[Link]:
    said: list[LogLine] = []
    try:
        link = await nodes.start(await nodes.place(spec), spec, said.extend)
    except NoCapacity as refused:
        pytest.skip(str(refused))
    except InitFailed as failed:
        raise AssertionError([line.text for line in said]) from failed
    yield link
    await link.stop()


async def test_the_image_is_all_there_is(nodes: LocalNodes, base: str, tmp_path: Path) -> None:
    spec = _spec((_layer(tmp_path, {}), base), memory_mb=256)
    async with _instance(nodes, spec) as link:
        assert json.loads((await ask(link, "sorted(os.listdir('/'))")).replace("'", '"')) == sorted(
            {"dev", "etc", "proc", "srv", "tmp", *os.listdir(base)}
        )
        for path in ("/.host", str(tmp_path), "/proc/1/root", "/proc/1/fd"):
            answer = await ask(link, "os.listdir(event['path'])", path=path)
            assert answer.startswith(("FileNotFoundError", "PermissionError")), (path, answer)
        assert (await ask(link, "open('/proc/1/environ').read()")).startswith("PermissionError")
        assert "lowerdir=0:1:2," in await ask(link, "open('/proc/self/mounts').read()")
        assert await ask(link, "sorted(int(n) for n in os.listdir('/proc') if n.isdigit())") == (
            "[1, 2]"
        )
        assert await ask(link, "(os.getuid(), os.getgid())") == "(65534, 65534)"
        status = await ask(link, "open('/proc/self/status').read()")
        for line in ("CapEff:\\t0000000000000000", "NoNewPrivs:\\t1", "Seccomp:\\t2"):
            assert line in status
        for call in ("libc.mount(b'x', b'/tmp', b'tmpfs', 0, None)", "libc.chroot(b'/tmp')",
                     "libc.unshare(0x10000000)"):  # fmt: skip
            assert await ask(link, f"{call} < 0 and ctypes.get_errno()") == "1", call
        assert (await ask(link, "os.mknod('/tmp/d', 0o20666, 259)")).startswith("PermissionError")


async def test_only_tmp_may_be_written(nodes: LocalNodes, base: str, tmp_path: Path) -> None:
    spec = _spec((_layer(tmp_path, {"srv/open/": b""}, 0o777), base), memory_mb=256, tmp_mb=8)
    async with _instance(nodes, spec) as link:
        for path in ("/x", "/srv/open/x", "/srv/run.py", "/dev/x", "/etc/hosts"):
            answer = await ask(link, "open(event['path'], 'w')", path=path)
            assert answer in ("OSError: 30", "PermissionError: 13"), (path, answer)
        assert await ask(link, "open('/tmp/x', 'w').write('x')") == "1"
        assert await ask(link, "open('/dev/null', 'w').write('x')") == "1"
        filled = "open('/tmp/y', 'wb').write(bytes(9 << 20))"
        assert await ask(link, filled) == "OSError: 28"
        assert await ask(link, "open('/etc/hosts').read()") == repr("127.0.0.1 localhost\n")


async def test_links_in_the_places_of_mounts_lead_nowhere(
    nodes: LocalNodes, base: str, tmp_path: Path
) -> None:
    files: dict[str, bytes | str] = {"tmp": "/etc", "proc": "/srv", "dev": "/usr", "run": "/.host"}
    spec = _spec((_layer(tmp_path, files), base), memory_mb=256)
    async with _instance(nodes, spec) as link:
        for path in ("/tmp", "/proc", "/dev"):
            assert await ask(link, "os.path.islink(event['path'])", path=path) == "False"
        assert await ask(link, "sorted(os.listdir('/dev'))") == repr(
            ["fd", "full", "null", "random", "stderr", "stdin", "stdout", "urandom", "zero"]
        )
        assert await ask(link, "os.path.exists('/run')") == "False"


async def test_a_memory_hog_ends_alone(nodes: LocalNodes, base: str, tmp_path: Path) -> None:
    spec = _spec((_layer(tmp_path, {}), base), memory_mb=128)
    async with _instance(nodes, spec) as link, _instance(nodes, spec) as other:
        hog = json.dumps({"try": "len(bytearray(b'x') * (300 << 20))"}).encode()
        outcome = await link.invoke(Invocation("r", hog, "arn", 2**52, 20.0))
        assert outcome.exit == Exit(ExitReason.OUT_OF_MEMORY, signal=9)
        assert await ask(other, "1 + 1") == "2"


async def test_other_layers_are_not_to_be_seen(
    nodes: LocalNodes, base: str, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("x")
    spec = _spec((_layer(tmp_path, {"srv/link": str(secret)}), base), memory_mb=256)
    async with _instance(nodes, spec) as link:
        assert (await ask(link, "open('/srv/link/key').read()")).startswith("FileNotFoundError")


async def test_weaker_walls_are_refused(base: str, tmp_path: Path) -> None:
    settings = LocalNodeSettings(tmp_path / "run", tier=Tier.B)
    made = LocalNodes(settings, SystemClock())
    spec = _spec((_layer(tmp_path, {}), base))
    with pytest.raises(RuntimeUnavailable, match="container images need namespaces"):
        await made.start(await made.place(spec), spec, lambda _: None)
    await made.close()
