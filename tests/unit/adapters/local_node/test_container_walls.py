"""What a container cannot do to its machine, tried by root inside."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pileus.adapters.chance_system import SystemChance
from pileus.adapters.clock_system import SystemClock
from pileus.adapters.local_node import LocalNodes, LocalNodeSettings, Tier
from pileus.adapters.local_node.cgroups import find_cgroups
from pileus.adapters.local_node.interpreters import own_interpreter
from pileus.adapters.local_node.tasks import LocalTasks, LocalTaskSettings
from pileus.ports.nodes import Exit, ExitReason
from pileus.ports.tasks import ContainerSpec, TaskHandle, TaskSpec

pytestmark = pytest.mark.sandbox
PYTHON = own_interpreter().executable
PREAMBLE = """
import ctypes, json, os, signal, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def attempt(text):
    try:
        return repr(eval(text))
    except BaseException as error:
        return f"{type(error).__name__}: {getattr(error, 'errno', '')}"
def write(path, data=b"1"):
    descriptor = os.open(path, os.O_WRONLY)
    try:
        return os.write(descriptor, data)
    finally:
        os.close(descriptor)
"""


class Yard:
    """Tasks of this machine in a folder of the test's own."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "tasks"
        self._nodes = LocalNodes(LocalNodeSettings(tmp_path / "run"), SystemClock())
        settings = LocalTaskSettings(self.folder, tmp_path / "run", "boot")
        self.tasks = LocalTasks(settings, (SystemClock(), SystemChance()), self._nodes.prober)
        self._count = 0

    async def is_possible(self) -> bool:
        return (await self._nodes.probe()).tier is Tier.A

    async def run(self, spec: ContainerSpec, **more: object) -> tuple[Exit | None, str, str]:
        """How the only container of a task ended, what it wrote, and the keeper's word."""
        self._count += 1
        name = f"task-{self._count}"
        values = {"memory_mb": 128, "processes_max": 64, **more}
        handle = await self.tasks.open(TaskSpec(name, name, **values))  # type: ignore[arg-type]
        moved = asyncio.Event()
        handle.on_change = moved.set
        await handle.start(spec)
        while not handle.containers()["main"].status.is_over:
            await asyncio.wait_for(moved.wait(), 20)
            moved.clear()
        state = handle.containers()["main"]
        pieces, _ = handle.read_output("main", 0)
        text = b"".join(piece.data for piece in pieces).decode(errors="replace")
        await handle.close()
        return state.exit, text, state.detail

    @asynccontextmanager
    async def running(self, spec: ContainerSpec) -> AsyncIterator[TaskHandle]:
        """A task whose container has said something and goes on."""
        handle = await self.tasks.open(TaskSpec("task-1", "task-1", memory_mb=128))
        moved = asyncio.Event()
        handle.on_change = moved.set
        await handle.start(spec)
        while not handle.read_output("main", 0)[0]:
            await asyncio.wait_for(moved.wait(), 10)
            moved.clear()
        yield handle
        await handle.close()

    async def tries(self, *texts: str, **more: object) -> list[str]:
        """What came of each expression, tried by root in a container of the machine's programs."""
        program = PREAMBLE + f"print(json.dumps([attempt(text) for text in {list(texts)!r}]))"
        _, output, detail = await self.run(ContainerSpec("main", (PYTHON, "-c", program)), **more)
        assert output, detail
        found: list[str] = json.loads(output)
        return found

    async def close(self) -> None:
        await self.tasks.close()
        await self._nodes.close()


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    made = Yard(tmp_path)
    if not await made.is_possible():
        pytest.skip("containers need namespaces")
    yield made
    await made.close()
    left = [one for each in _group_folders() for one in each.glob("pileus-task-*task-*")]
    assert not [one for one in left if made.tasks._mark in one.name]
    assert list(made.folder.iterdir()) == []
    assert str(tmp_path) not in _mounts()


def _group_folders() -> tuple[Path, ...]:
    cgroups = find_cgroups()[0]
    return cgroups.folders if cgroups else ()


def _mounts() -> str:
    return Path("/proc/mounts").read_text()


async def test_root_inside_is_nobody_to_the_kernel(yard: Yard) -> None:
    switches = ["sys/kernel/core_pattern", "sys/kernel/modprobe", "sys/vm/overcommit_memory",
                "sysrq-trigger", "sys/net/ipv4/ip_forward"]  # fmt: skip
    answers = await yard.tries(
        *[f"write('/proc/{name}')" for name in switches],
        "libc.mount(b'x', b'/tmp', b'tmpfs', 0, None) < 0 and ctypes.get_errno()",
        "libc.unshare(0x10000000) < 0 and ctypes.get_errno()",
        "libc.setns(0, 0) < 0 and ctypes.get_errno()",
        "libc.ptrace(16, 1, 0, 0) < 0 and ctypes.get_errno()",
        "os.mknod('/tmp/disk', 0o60600, os.makedev(254, 0))",
        "os.mknod('/tmp/mem', 0o20600, os.makedev(1, 1))",
        "socket.socket(17, 3)",
        "socket.socket(2, 3, 1)",
        "socket.sethostname('x')",
        "os.setpriority(0, 0, -5)",
        "os.listdir('/sys')",
    )
    for answer in answers[:5]:
        assert answer.startswith(("PermissionError", "OSError: 30", "FileNotFound")), answers
    assert answers[5:9] == ["1"] * 4
    for answer in answers[9:]:
        assert answer.startswith(("PermissionError", "OSError", "FileNotFound")), answers


async def test_what_root_may_read_of_the_machine_is_hidden(yard: Yard) -> None:
    secrets = ["kcore", "kmsg", "keys", "kpageflags", "kpagecount", "kpagecgroup", "slabinfo",
               "vmallocinfo", "timer_list", "dynamic_debug/control"]  # fmt: skip
    tries = [f"open('/proc/{name}', 'rb').read(8)" for name in secrets]
    for answer in await yard.tries(*tries):
        assert answer.startswith(("b''", "PermissionError", "FileNotFound", "NotADir")), answer


async def test_the_host_is_out_of_reach(yard: Yard, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    abstract = f"\0pileus-{os.getpid()}"
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(abstract)
        unix.listen(1)
        answers = await yard.tries(
            f"open({str(tmp_path / 'secret')!r}).read()",
            f"open('/proc/1/root{tmp_path}/secret').read()",
            f"open('/proc/{os.getpid()}/environ').read()",
            f"os.kill({os.getpid()}, 0)",
            f"socket.create_connection(('127.0.0.1', {tcp.getsockname()[1]}), 1)",
            f"socket.socket(1, 1).connect({abstract!r})",
            "sorted({name.split(':')[0] for name in map(os.readlink, "
            "['/proc/self/fd/' + n for n in os.listdir('/proc/self/fd')]) if 0} )",
            "[n for n in os.listdir('/proc') if n.isdigit()]",
        )
    for answer in answers[:6]:
        assert answer.split(":")[0] in (
            "FileNotFoundError",
            "ProcessLookupError",
            "ConnectionRefusedError",
            "PermissionError",
        ), answers
    assert answers[7] == "['1']"


async def test_no_descriptor_of_the_keeper_is_left_open(yard: Yard) -> None:
    (answer,) = await yard.tries(
        "[os.readlink(f'/proc/self/fd/{n}').split(':')[0] for n in range(64)"
        " if os.path.lexists(f'/proc/self/fd/{n}')]"
    )
    assert answer == "['/dev/null', 'pipe', 'pipe']"


async def test_the_keeper_s_program_is_not_the_image_s_to_run(yard: Yard) -> None:
    """As in CVE-2019-5736: an image whose program is /proc/self/exe would run the host's."""
    image = yard.folder.parent / "image"
    image.mkdir()
    (image / "program").symlink_to("/proc/self/exe")
    (image / "script").write_text("#!/proc/self/exe\n")
    (image / "script").chmod(0o755)
    for program in ("/program", "/script"):
        spec = ContainerSpec("main", (program, "-c", "print(1)"), lowers=(str(image),))
        _, output, detail = await yard.run(spec)
        assert "permission denied" in detail.lower(), (output, detail)
        assert not output


async def test_set_user_id_files_of_a_container_are_no_way_up_on_the_host(yard: Yard) -> None:
    program = (
        "import os, shutil, time; shutil.copy('/bin/true', '/x'); os.chmod('/x', 0o6755);"
        "print('made', flush=True); time.sleep(20)"
    )
    async with yard.running(ContainerSpec("main", (PYTHON, "-c", program))):
        # Nobody else may go where such files lie.
        assert (yard.folder / "task-1").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("program", "word"),
    [
        # one file, many, empty ones, deleted ones, very deep ones
        ("open('/x', 'wb').write(bytes(40 << 20))", ""),
        ("[open(f'/{i}', 'wb').write(bytes(4 << 20)) for i in range(20)]", "wrote more than 16 MB"),
        ("[open(f'/{i}', 'w').close() for i in range(6000)]", "wrote more than 16 MB"),
        (
            "files = [open('/x', 'wb') or 0 for i in range(0)]\n"
            "for i in range(20):\n"
            " file = open('/x', 'wb'); os.unlink('/x'); file.write(bytes(4 << 20)); file.flush()\n"
            " files.append(file)",
            "wrote more than 16 MB",
        ),
        (
            "for i in range(600):\n os.mkdir('d'); os.chdir('d')",
            "wrote more than 16 MB",
        ),
    ],
    ids=["one file", "many files", "empty files", "nameless files", "deep folders"],
)
async def test_a_disk_filler_is_ended(yard: Yard, program: str, word: str) -> None:
    text = f"import os, time\nos.chdir('/')\n{program}\ntime.sleep(20)"
    spec = ContainerSpec("main", (PYTHON, "-c", text))
    exit, _, detail = await yard.run(spec, disk_mb=16, memory_mb=256)
    assert word in detail
    assert exit is not None and exit != Exit(ExitReason.EXITED)


async def test_a_fork_bomb_a_hog_and_a_daemon_end_with_their_task(yard: Yard) -> None:
    bomb = "import os\nwhile True:\n try: os.fork()\n except OSError: break"
    daemon = (
        "import os, signal, time\nif os.fork() == 0:\n os.setsid()\n"
        " signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n if os.fork() == 0: time.sleep(600)"
    )
    await yard.run(ContainerSpec("main", (PYTHON, "-c", bomb)))
    exit, _, _ = await yard.run(ContainerSpec("main", (PYTHON, "-c", daemon)))
    assert exit == Exit(ExitReason.EXITED)
    hog = "held = bytearray(300 << 20)"
    exit, _, _ = await yard.run(ContainerSpec("main", (PYTHON, "-c", hog)))
    assert exit is not None and exit.reason is ExitReason.OUT_OF_MEMORY


@pytest.mark.parametrize("has_init", [False, True])
async def test_commands_run_inside_do_not_open_what_lies_at_dev_null(yard, has_init: bool) -> None:
    program = (
        "import os, time; os.unlink('/dev/null'); os.symlink('/proc/1/mem', '/dev/null');"
        "print('made', flush=True); time.sleep(20)"
    )
    spec = ContainerSpec("main", (PYTHON, "-c", program), has_init=has_init)
    async with yard.running(spec) as handle:
        assert await handle.execute("main", (PYTHON, "-c", "pass"), 10.0) != 0


@pytest.mark.skipif(
    platform.machine() != "x86_64" or shutil.which("gcc") is None, reason="needs a compiler"
)
async def test_the_32_bit_door_of_the_kernel_is_shut(yard: Yard, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.mkdir()
    source = tmp_path / "door.c"
    # getpid by int 0x80; without libc, so that the image is one file
    source.write_text(
        'void _start(void) { long r; __asm__ volatile("int $0x80" : "=a"(r) : "a"(20));'
        ' __asm__ volatile("syscall" :: "a"(60), "D"(0)); }'
    )
    build = ["gcc", "-static", "-nostdlib", "-o", str(image / "door"), str(source)]
    await asyncio.to_thread(subprocess.run, build, check=True)
    exit, _, _ = await yard.run(ContainerSpec("main", ("/door",), lowers=(str(image),)))
    assert exit == Exit(ExitReason.KILLED, signal=31)
