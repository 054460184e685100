"""What code inside an instance cannot reach, tried from inside, in both walled tiers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.adapters.local_node.inside import ask, free_port, instance

from pileus.adapters.clock_system import SystemClock
from pileus.adapters.local_node import LocalNodes, LocalNodeSettings, Tier

pytestmark = pytest.mark.sandbox


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[dict[Tier, LocalNodes]]:
    made = {}
    for tier in (Tier.A, Tier.B):
        settings = LocalNodeSettings(tmp_path / "run", gateway_port=free_port(), tier=tier)
        made[tier] = LocalNodes(settings, SystemClock())
    yield made
    for one in made.values():
        await one.close()


BOTH = [Tier.A, Tier.B]

REFUSED_SYSTEM_CALLS = {
    "ptrace": "libc.ptrace(16, 1, 0, 0) < 0 and ctypes.get_errno()",
    "mount": "libc.mount(b'tmpfs', b'/tmp', b'tmpfs', 0, None) < 0 and ctypes.get_errno()",
    "unshare user": "libc.unshare(0x10000000) < 0 and ctypes.get_errno()",
    "unshare mount": "libc.unshare(0x20000) < 0 and ctypes.get_errno()",
    "setns": "libc.setns(0, 0) < 0 and ctypes.get_errno()",
    "chroot": "libc.chroot(b'/tmp') < 0 and ctypes.get_errno()",
    "set host name": "libc.sethostname(b'x', 1) < 0 and ctypes.get_errno()",
}


@pytest.mark.parametrize("tier", BOTH)
async def test_refused_system_calls(nodes, tmp_path, tier) -> None:
    async with instance(nodes[tier], tmp_path / "code") as link:
        for name, expression in REFUSED_SYSTEM_CALLS.items():
            assert await ask(link, expression) == "1", name
        # clone(CLONE_NEWUSER | SIGCHLD), clone3, io_uring_setup and keyctl by number
        clone = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
        assert await ask(link, f"system({clone}, 0x10000011, 0, 0, 0, 0)") == "PermissionError: 1"
        assert await ask(link, "system(435, 0, 0)") == "OSError: 38"
        assert await ask(link, "system(425, 1, 0)") == "PermissionError: 1"
        assert (await ask(link, "socket.socket(17, 3)")).endswith(": 97")
        assert (await ask(link, "socket.socket(16, 3)")).endswith(": 97")


@pytest.mark.parametrize("tier", BOTH)
async def test_files_of_the_host_are_out_of_reach(nodes, tmp_path, tier) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    other = tmp_path / "other"
    async with (
        instance(nodes[tier], tmp_path / "code") as link,
        instance(nodes[tier], other) as _,
    ):
        for path in (str(secret), str(other / "app.py"), "/etc/shadow", "/root/.bashrc"):
            answer = await ask(link, "open(event['path']).read()", path=path)
            assert answer.startswith(("FileNotFoundError", "PermissionError")), path
        answer = await ask(link, "os.listdir('/root') + os.listdir('/home')")
        assert answer.startswith(("FileNotFoundError", "PermissionError", "[]"))


@pytest.mark.parametrize("tier", BOTH)
async def test_own_code_is_read_only(nodes, tmp_path, tier) -> None:
    async with instance(nodes[tier], tmp_path / "code") as link:
        for name in ("app.py", "new.py"):
            answer = await ask(link, f"open(os.environ['LAMBDA_TASK_ROOT'] + '/{name}', 'a')")
            assert answer.split(":")[0] in ("PermissionError", "OSError")
        assert await ask(link, "os.getcwd() == os.environ['LAMBDA_TASK_ROOT']") == "True"
        answer = await ask(link, "open('/usr/x', 'w')")
        assert answer.split(":")[0] in ("PermissionError", "OSError")


@pytest.mark.parametrize("tier", BOTH)
async def test_host_ports_are_out_of_reach(nodes, tmp_path, tier) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        async with instance(nodes[tier], tmp_path / "code") as link:
            answer = await ask(link, f"connect({port})")
            assert answer.split(":")[0] in ("ConnectionRefusedError", "PermissionError")


async def test_processes_of_the_host_are_out_of_sight(nodes, tmp_path) -> None:
    async with instance(nodes[Tier.A], tmp_path / "code") as link:
        seen = "sorted(int(n) for n in os.listdir('/proc') if n.isdigit())"
        assert await ask(link, seen) == "[1, 2]"
        assert (await ask(link, f"os.kill({os.getpid()}, 0)")).startswith("ProcessLookupError")
        assert (await ask(link, "open('/proc/1/environ').read()")).startswith("PermissionError")
        assert (await ask(link, "open('/proc/1/mem').read()")).startswith("PermissionError")
        assert (await ask(link, "os.listdir('/proc/1/root')")).startswith("PermissionError")
        answer = await ask(link, "open('/proc/sys/kernel/core_pattern', 'w')")
        assert answer.split(":")[0] in ("PermissionError", "OSError")


async def test_processes_of_the_host_cannot_be_signalled_in_tier_b(nodes, tmp_path) -> None:
    async with instance(nodes[Tier.B], tmp_path / "code") as link:
        answer = await ask(link, f"os.kill({os.getpid()}, 0)")
        assert answer.startswith("PermissionError")


async def test_identity_and_powers_are_gone(nodes, tmp_path) -> None:
    async with instance(nodes[Tier.A], tmp_path / "code") as link:
        assert await ask(link, "(os.getuid(), os.getgid(), os.getgroups())") in (
            "(65534, 65534, [])",
            "(65534, 65534, [65534])",
        )
        status = await ask(
            link,
            "{k: v.strip() for k, _, v in (l.partition(':') for l in open('/proc/self/status'))"
            " if k.startswith('Cap') or k in ('NoNewPrivs', 'Seccomp')}",
        )
        facts = eval(status)
        zero = "0" * 16
        assert facts.pop("NoNewPrivs") == "1"
        assert facts.pop("Seccomp") == "2"
        bounding = facts.pop("CapBnd")
        if os.getuid() == 0:
            assert bounding == zero
        assert set(facts.values()) == {zero}
        assert (await ask(link, "os.setuid(0)")).startswith("PermissionError")


async def test_open_descriptors_are_the_streams_and_the_link(nodes, tmp_path) -> None:
    async with instance(nodes[Tier.A], tmp_path / "code") as link:
        names = eval(
            await ask(
                link,
                "[os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')"
                " if os.path.lexists(f'/proc/self/fd/{n}')]",
            )
        )
        kinds = sorted(name.split(":")[0] for name in names)
        assert kinds == ["/dev/null", "pipe", "pipe", "socket"]


async def test_temporary_space_ends_at_its_size(nodes, tmp_path) -> None:
    async with instance(nodes[Tier.A], tmp_path / "code", tmp_mb=512) as link:
        write = "open('/tmp/x', 'wb').write(bytes(1 << 20) * event['mb'])"
        assert await ask(link, write, mb=100) == str(100 << 20)
        fill = "[open(f'/tmp/{i}', 'wb').write(bytes(64 << 20)) for i in range(9)]"
        assert await ask(link, fill) == "OSError: 28"
        size = await ask(link, "os.statvfs('/tmp').f_blocks * os.statvfs('/tmp').f_frsize >> 20")
        assert size == "512"


async def test_temporary_space_is_not_counted_as_memory(nodes, tmp_path) -> None:
    async with instance(nodes[Tier.A], tmp_path / "code", tmp_mb=2048) as link:
        fill = "sum(open(f'/tmp/{i}', 'wb').write(bytes(16 << 20)) for i in range(48)) >> 20"
        assert await ask(link, fill) == "768"


async def test_forks_are_bounded(nodes, tmp_path) -> None:
    async with instance(nodes[Tier.A], tmp_path / "code") as link:
        assert await ask(link, "processes(1500)") == "BlockingIOError: 11"
        assert await ask(link, "1 + 1") == "2"


async def test_a_background_process_dies_with_its_instance(nodes, tmp_path) -> None:
    mark = f"sleep-{os.getpid()}-{tempfile.gettempprefix()}"
    start = (
        "subprocess.Popen([sys.executable, '-S', '-c', "
        "'import time; print(True, flush=True); time.sleep(600)', "
        f"'{mark}'], stdout=-1, start_new_session=True).stdout.readline() == b'True\\n'"
    )
    async with instance(nodes[Tier.A], tmp_path / "code") as link:
        assert await ask(link, start) == "True"
        assert _count_processes(mark) == 1
    assert _count_processes(mark) == 0
    async with instance(nodes[Tier.B], tmp_path / "code") as link:
        assert await ask(link, start) == "True"
        assert _count_processes(mark) == 1
    assert _count_processes(mark) == 0


def _count_processes(mark: str) -> int:
    count = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                count += mark.encode() in (entry / "cmdline").read_bytes()
    return count


async def test_the_gateway_answers_through_its_listener(tmp_path) -> None:
    taken: list[socket.socket] = []
    gone: list[str] = []

    def door(listener: socket.socket, name: str):
        taken.append(listener)
        return lambda: gone.append(name)

    port = free_port()
    settings = LocalNodeSettings(tmp_path / "run", gateway_port=port, tier=Tier.A)
    nodes = LocalNodes(settings, SystemClock(), door)
    async with instance(nodes, tmp_path / "code") as link:
        assert taken[0].getsockname() == ("127.0.0.1", port)
        taken[0].setblocking(True)
        task = asyncio.create_task(ask(link, f"connect({port})"))
        peer, _ = await asyncio.to_thread(taken[0].accept)
        with peer:
            peer.sendall(b"gateway")
        assert await task == "'gateway'"
    assert gone == ["f"]
    taken[0].close()
    await nodes.close()


async def test_shown_folders_appear_at_their_place(nodes, tmp_path) -> None:
    model = tmp_path / "models" / "m.bin"
    model.parent.mkdir()
    model.write_bytes(b"weights")
    for tier in BOTH:
        for shown in (str(model.parent), str(model)):
            async with instance(nodes[tier], tmp_path / "code", shown=(shown,)) as link:
                assert await ask(link, f"open({str(model)!r}, 'rb').read()") == "b'weights'"
                answer = await ask(link, f"open({str(model)!r}, 'wb')")
                assert answer.split(":")[0] in ("PermissionError", "OSError")
