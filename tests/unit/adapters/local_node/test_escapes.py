"""Ways out of an instance, each tried from inside in every tier: what it holds, and what not."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import platform
import socket
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pyseccomp
import pytest
from tests.unit.adapters.local_node.inside import ask, free_port, instance

from pileus.adapters.clock_system import SystemClock
from pileus.adapters.local_node import LocalNodes, LocalNodeSettings, Tier
from pileus.ports.nodes import ExitReason, Invocation, Link
from pileus.runtime import linux

pytestmark = pytest.mark.sandbox
BOTH = [Tier.A, Tier.B]
Enter = Callable[[Tier], AbstractAsyncContextManager[Link]]


@pytest.fixture
async def enter(tmp_path: Path) -> AsyncIterator[Enter]:
    """Gives an instance of a tier."""
    opened: dict[Tier, LocalNodes] = {}

    def one(tier: Tier) -> AbstractAsyncContextManager[Link]:
        if tier not in opened:
            settings = LocalNodeSettings(tmp_path / "run", gateway_port=free_port(), tier=tier)
            opened[tier] = LocalNodes(settings, SystemClock())
        return instance(opened[tier], tmp_path / "code")

    yield one
    for nodes in opened.values():
        await nodes.close()
    assert not list((tmp_path / "run").glob("tmp-*"))


REFUSED_CALLS = [
    "acct",
    "add_key",
    "bpf",
    "clock_settime",
    "delete_module",
    "fanotify_init",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "init_module",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "kcmp",
    "kexec_load",
    "keyctl",
    "mount",
    "mount_setattr",
    "move_mount",
    "move_pages",
    "name_to_handle_at",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "personality",
    "pidfd_getfd",
    "pivot_root",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "quotactl",
    "reboot",
    "request_key",
    "setdomainname",
    "sethostname",
    "setns",
    "settimeofday",
    "swapon",
    "syslog",
    "umount2",
    "unshare",
    "userfaultfd",
    "vhangup",
]


@pytest.mark.parametrize("tier", BOTH)
async def test_calls_that_lead_out_are_refused_whoever_asks(enter: Enter, tier: Tier) -> None:
    numbers = {
        name: pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) for name in REFUSED_CALLS
    }
    async with enter(tier) as link:
        answers = eval(await ask(link, "refusals(event['numbers'])", numbers=numbers))
        assert answers == dict.fromkeys(REFUSED_CALLS, 1)  # EPERM, from the filter


@pytest.mark.parametrize("tier", BOTH)
async def test_arguments_with_bits_the_kernel_ignores_are_seen_through(enter: Enter, tier) -> None:
    """The kernel reads these as 32 bits, a filter compares 64."""
    high = 1 << 32
    socket_number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, "socket")
    ioctl, fcntl = (
        pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) for name in ("ioctl", "fcntl")
    )
    clone = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, "clone")
    async with enter(tier) as link:
        for family in (16, 17, 38, 40, 44):
            answer = await ask(link, f"system({socket_number}, {family + high}, 3, 0)")
            assert answer.endswith(": 97"), family
        for request in (0x5412, 0x541C):  # TIOCSTI, TIOCLINUX
            assert await ask(link, f"system({ioctl}, 0, {request}, 0)") == "PermissionError: 1"
            assert (await ask(link, f"system({ioctl}, 0, {request + high}, 0)")).endswith(": 1")
        grow = f"system({fcntl}, 1, {1031 + high}, 1 << 20)"
        assert await ask(link, grow) == "PermissionError: 1"
        for flag in (linux.CLONE_NEWUSER, linux.CLONE_NEWNET, linux.CLONE_NEWNS):
            answer = await ask(link, f"system({clone}, {flag + 17 + high}, 0, 0, 0, 0)")
            assert answer == "PermissionError: 1"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="other machines have no such doors")
@pytest.mark.parametrize("tier", BOTH)
@pytest.mark.parametrize("way", ["int 0x80", "x32"])
async def test_the_kernel_s_other_doors_are_deadly(enter: Enter, tier: Tier, way: str) -> None:
    code = (
        "import mmap\n"
        "page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)\n"
        "page.write(bytes.fromhex('b814000000cd80c3'))\n"  # mov eax, 20 (getpid); int 0x80; ret
        "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()\n"
    )
    expressions = {"int 0x80": f"exec({code!r}, globals())", "x32": "libc.syscall((1 << 30) + 39)"}
    async with enter(tier) as link:
        payload = json.dumps({"try": expressions[way]}).encode()
        outcome = await link.invoke(Invocation("r", payload, "arn", 2**52, 10.0))
        assert outcome.exit is not None and outcome.exit.reason is ExitReason.KILLED
        assert outcome.exit.signal == 31  # SIGSYS: "bad system call" in AWS's words


@pytest.fixture
def listening() -> Iterator[int]:
    """A port of the host that takes TCP and MPTCP."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("tier", BOTH)
async def test_no_way_of_connecting_reaches_a_port_of_the_host(enter, tier, listening) -> None:
    place = f"('127.0.0.1', {listening})"
    async with enter(tier) as link:
        for attempt in (
            f"socket.socket(2, 1).connect({place})",
            f"socket.socket(2, 1, 262).connect({place})",  # MPTCP
            f"socket.socket(2, 1).sendto(b'x', 0x20000000, {place})",  # TCP Fast Open
            f"socket.socket(2, 1).sendmsg([b'x'], [], 0x20000000, {place})",
            f"socket.socket(2, 1, 132).connect({place})",  # SCTP
            f"socket.socket(10, 1).connect(('::ffff:127.0.0.1', {listening}))",
            f"socket.socket(10, 1).connect(('::1', {listening}))",
        ):
            answer = await ask(link, attempt)
            assert answer.startswith(("ConnectionRefused", "PermissionError", "OSError")), attempt


async def test_udp_leads_nowhere(enter: Enter) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        send = f"socket.socket(2, 2).sendto(b'x', ('127.0.0.1', {server.getsockname()[1]}))"
        async with enter(Tier.A) as link:
            assert await ask(link, send) == "1"  # into a network of its own
            answer = await ask(link, "socket.socket(2, 2).sendto(b'x', ('192.0.2.1', 53))")
            assert answer == "OSError: 101"
        async with enter(Tier.B) as link:
            assert await ask(link, send) == "PermissionError: 13"
        with pytest.raises(BlockingIOError):
            server.recv(1)


@pytest.mark.parametrize("tier", BOTH)
async def test_unix_sockets_of_the_host_are_out_of_reach(enter, tier, tmp_path) -> None:
    abstract, named = f"\0pileus-{os.getpid()}", str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as two:
        for server, address in ((one, abstract), (two, named)):
            server.bind(address)
            server.listen(1)
        async with enter(tier) as link:
            for address in (abstract, named):
                connect = f"socket.socket(1, 1).connect({address!r})"
                assert (await ask(link, connect)).startswith(
                    ("PermissionError", "ConnectionRefused", "FileNotFound")
                )
            assert (await ask(link, "[one.send(b'x') for one in socket.socketpair()]")) == "[1, 1]"


@pytest.mark.parametrize("tier", BOTH)
async def test_shared_memory_and_queues_of_the_host_are_out_of_reach(enter, tier) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    key = 0x50490000 + os.getpid() % 0xFFFF
    segment = libc.shmget(key, 4096, 0o1666)
    assert segment >= 0
    name = f"pileus-{os.getpid()}"
    (Path("/dev/shm") / name).write_text("x")
    try:
        async with enter(tier) as link:
            for expression in (
                f"libc.shmget({key}, 4096, 0) < 0 and ctypes.get_errno()",
                f"libc.shmat({segment}, 0, 0) == -1 and ctypes.get_errno()",
                f"libc.msgget({key}, 0) < 0 and ctypes.get_errno()",
                f"libc.semget({key}, 1, 0) < 0 and ctypes.get_errno()",
                f"libc.mq_open(b'/{name}', 0) < 0 and ctypes.get_errno()",
            ):
                assert await ask(link, expression) in ("1", "2", "22", "38"), expression
            answer = await ask(link, f"open('/dev/shm/{name}').read()")
            assert answer.startswith(("FileNotFound", "PermissionError"))
    finally:
        libc.shmctl(segment, 0, None)
        (Path("/dev/shm") / name).unlink()


def _devices() -> list[str]:
    kinds = (stat.S_ISBLK, stat.S_ISCHR)
    harmless = {"null", "zero", "full", "random", "urandom"}
    return [
        str(path)
        for path in Path("/dev").iterdir()
        if path.name not in harmless and any(is_kind(path.lstat().st_mode) for is_kind in kinds)
    ]


@pytest.mark.parametrize("tier", BOTH)
async def test_devices_of_the_host_are_out_of_reach(enter: Enter, tier: Tier) -> None:
    """Disks above all: the platform may run as root, who owns them."""
    async with enter(tier) as link:
        assert await ask(link, "opened(event['paths'])", paths=_devices()) == "[]"
        assert (
            await ask(link, "os.mknod((os.environ.get('TMPDIR') or '/tmp') + '/d', 0o60600, 0)")
        ).startswith("Permission")


@pytest.mark.parametrize("tier", BOTH)
async def test_the_kernel_s_switches_are_read_only(enter: Enter, tier: Tier) -> None:
    switches = ["kernel/core_pattern", "kernel/modprobe", "vm/overcommit_memory", "kernel/hostname",
                "net/ipv4/ip_forward", "fs/binfmt_misc/register", "kernel/ns_last_pid"]  # fmt: skip
    async with enter(tier) as link:
        for path in [f"/proc/sys/{name}" for name in switches] + ["/proc/sysrq-trigger"]:
            answer = await ask(link, f"write({path!r})")
            assert answer.startswith(("PermissionError", "FileNotFound", "OSError")), path
        release = "open('/sys/fs/cgroup/memory/release_agent', 'w')"
        assert (await ask(link, release)).startswith(("PermissionError", "FileNotFound", "OSError"))
        # What root's own files in /proc say of the machine, tier B shows to functions of a root.
        for path in ("/proc/kcore", "/proc/kmsg", "/proc/1/mem"):
            answer = await ask(link, f"open({path!r}, 'rb').read(1)")
            assert answer.startswith(("PermissionError", "FileNotFound", "OSError")), path


@pytest.mark.parametrize("tier", BOTH)
async def test_a_neighbour_is_neither_seen_nor_touched(enter, tier, tmp_path) -> None:
    async with enter(tier) as victim:
        await ask(
            victim, "open((os.environ.get('TMPDIR') or '/tmp') + '/own', 'w').write('secret')"
        )
        folder = await ask(victim, "os.environ.get('TMPDIR') or '/tmp'")
        pid = _outer_pid(victim)
        async with enter(tier) as link:
            for path in (f"/proc/{pid}/environ", f"/proc/{pid}/mem", f"/proc/{pid}/root/etc/passwd",
                         f"/proc/{pid}/cwd/app.py", f"/proc/{pid}/fd/1", f"{eval(folder)}/own"):  # fmt: skip
                answer = await ask(link, f"open({path!r}, 'rb').read(1)")
                assert answer.startswith(("PermissionError", "FileNotFound")), path
            for number in (0, 9, 19):
                answer = await ask(link, f"os.kill({pid}, {number})")
                assert answer.startswith(("PermissionError", "ProcessLookup"))
            pidfd = await ask(link, f"os.pidfd_open({pid})")
            assert pidfd.isdigit() or pidfd.startswith("ProcessLookup")
            if pidfd.isdigit():  # numbers are seen in tier B, and that is all
                answer = await ask(link, f"signal.pidfd_send_signal({pidfd}, 9)")
                assert answer.startswith("PermissionError")
        assert await ask(victim, "1 + 1") == "2"


def _outer_pid(link: Link) -> int:
    children = Path(f"/proc/{link._pid}/task/{link._pid}/children").read_text().split()
    return int(children[0])


async def test_empty_files_are_bounded_like_full_ones(enter: Enter) -> None:
    async with enter(Tier.A) as link:
        assert await ask(link, "os.statvfs('/tmp').f_files") == str(512 * 256)


async def test_every_other_place_is_read_only(enter: Enter) -> None:
    write = (
        "[place for place in {line.split()[1] for line in open('/proc/self/mounts')}"
        " | {entry.path for entry in os.scandir('/')}"
        " if os.access(place, os.W_OK) and not place.startswith('/dev/')]"
    )
    async with enter(Tier.A) as link:
        assert await ask(link, write) == "['/tmp']"


async def test_tier_b_bounds_a_file_and_not_all_of_them(enter: Enter, tmp_path: Path) -> None:
    """/tmp is a folder of the host there: the doctor says so."""
    async with enter(Tier.B) as link:
        answer = await ask(
            link, "os.truncate(open(os.environ['TMPDIR'] + '/x', 'w').name, 1 << 30)"
        )
        assert answer == "OSError: 27"


async def test_tier_c_keeps_nothing_apart(enter: Enter, tmp_path: Path, listening: int) -> None:
    """What it does not hold, so that nobody believes it did: `pileus doctor` tells it the same way."""
    secret = tmp_path / "secret"
    secret.write_text("x")
    async with enter(Tier.C) as link:
        assert await ask(link, f"open({str(secret)!r}).read()") == "'x'"
        connect = f"socket.create_connection(('127.0.0.1', {listening})).close()"
        assert await ask(link, connect) == "None"
        assert await ask(link, f"os.kill({os.getpid()}, 0)") == "None"
        # What it does hold: powers are gone and numbers bounded.
        assert (await ask(link, f"os.mknod('{tmp_path}/d', 0o60600, 0)")).startswith("Perm")
        limits = "(__import__('resource').getrlimit(7), __import__('resource').getrlimit(4))"
        assert await ask(link, limits) == "((1024, 1024), (0, 0))"


@pytest.mark.parametrize("tier", [Tier.B, Tier.C])
async def test_without_namespaces_a_daemon_ends_with_its_instance_too(enter, tier) -> None:
    """Forked twice, a session of its own; in tier C process 1 of the instance is killed on top."""
    daemon = (
        "exec('if os.fork() == 0:\\n os.setsid()\\n if os.fork() == 0:\\n  time.sleep(60)\\n"
        " os._exit(0)\\nos.wait()', globals())"
    )
    async with enter(tier) as link:
        await ask(link, daemon)
        pids = (_group(link) / "cgroup.procs").read_text().split()
        assert len(pids) == 3
        if tier is Tier.C:
            payload = json.dumps({"try": "os.kill(os.getppid(), 9) or time.sleep(5)"}).encode()
            await link.invoke(Invocation("r", payload, "arn", 2**52, 5.0))
        await link.stop()
        # A group with a process in it cannot be removed.
        await asyncio.wait_for(asyncio.to_thread(_wait_until_gone, _group(link)), 10)


def _wait_until_gone(folder: Path) -> None:
    while folder.exists():
        time.sleep(0.01)


def _group(link: Link) -> Path:
    if link.group is None:
        pytest.skip("no control groups here: daemons of tier C may outlive their instance")
    return getattr(link.group, "pids_dir", None) or link.group.folder
