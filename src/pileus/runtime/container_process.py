"""From the keeper's fork to the container's program, and into a container that runs already.

The keeper's child leaves for new namespaces and forks; its child is process 1 inside. It prepares what
every container has and waits, blank, for its plan; then it enters the control groups, builds its root, gives
up every power and becomes the program. Why it failed it tells on a pipe that a successful exec closes.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import socket
import stat
from collections.abc import Mapping
from typing import Any, NoReturn

from pileus.runtime import container_root, landlock, linux, messages
from pileus.runtime.container_plan import CAPABILITIES, KILL, ContainerPlan, TaskPlan

_NAMESPACES = linux.CLONE_NEWNS | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS | linux.CLONE_NEWPID
_ENTERED = ("ipc", "uts", "cgroup", "pid", "mnt")
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NOT_FOUND, _NOT_RUNNABLE = 127, 126
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1,
              signal.SIGUSR2, signal.SIGWINCH)  # fmt: skip
_DEFAULT_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGINT, signal.SIGTERM,
                    signal.SIGHUP)  # fmt: skip
_OPEN_FILES = 65_535
_NULL = os.makedev(1, 3)
_MIB = 1 << 20


class CannotStart(Exception):
    """The program cannot be started; the text is what a container engine would say."""


def wait(output: int, status: int, orders: socket.socket) -> NoReturn:
    """In the keeper's child: be a container to come, then the one that is asked for.

    Args:
        output: descriptor for standard output and error.
        status: pipe for ``{"pid": …}`` and, should it come to that, ``{"failure": …}``.
        orders: where the plan comes once process 1 is the keeper's own child; ends unneeded with it.
    """
    try:
        os.setsid()
        _hide()
        linux.unshare(_NAMESPACES)
        pid = os.fork()
        if pid:
            _tell(status, {"pid": pid})
            os._exit(0)
        obstacle = _stage()
        message, _ = messages.receive(orders)
        if message is None:
            os._exit(0)
        if obstacle is not None:
            raise obstacle
        orders.close()
        task, plan = TaskPlan.read(message["task"]), ContainerPlan.read(message["container"])
        for path in plan.entrances:
            with open(path, "w") as entrance:
                entrance.write("0")
        linux.unshare(linux.CLONE_NEWCGROUP)
        _become(task, plan, output, status)
    except BaseException as error:
        _tell(status, {"failure": _reason(error)})
    os._exit(_NOT_FOUND)


def _stage() -> OSError | None:
    """Prepare; what stands against it is told when somebody asks for the container."""
    try:
        container_root.stage()
        linux.set_no_new_privileges()
        linux.drop_bounding_capabilities(CAPABILITIES)
    except OSError as error:
        return error
    return None


def enter(
    task: TaskPlan, plan: ContainerPlan, pid: int, command: list[str], status: int
) -> NoReturn:
    """In the keeper's child: run ``command`` inside the container whose process 1 is ``pid``.

    Leaves with the command's exit status; its output goes nowhere.
    """
    try:
        os.setsid()
        _hide()
        places = [os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY) for name in _ENTERED]
        for path in plan.entrances:
            with open(path, "w") as entrance:
                entrance.write("0")
        for place in places:
            linux.enter_namespace(place)
            os.close(place)
        child = os.fork()
        if child == 0:
            nowhere = _open_nowhere()
            _take_streams(nowhere, nowhere)
            linux.set_no_new_privileges()
            linux.drop_bounding_capabilities(CAPABILITIES)
            _run(task, plan, command)
        os.close(status)
        _, ended = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(ended) & 0xFF)
    except BaseException as error:
        _tell(status, {"failure": _reason(error)})
    os._exit(_NOT_FOUND)


def _hide() -> None:
    """Keep programs of the container out of this process's memory, descriptors and executable,
    which are the keeper's, until it has become one of them: exec undoes this."""
    linux.set_dumpable(False)


def _open_nowhere() -> int:
    """The container's own ``/dev/null``, unless somebody inside has put something else there, which
    this process still has the power to open."""
    found = os.open("/dev/null", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(found)
        if not stat.S_ISCHR(status.st_mode) or status.st_rdev != _NULL:
            raise CannotStart("/dev/null of the container is something else")
        return os.open(f"/proc/self/fd/{found}", os.O_RDWR)
    finally:
        os.close(found)


def _become(task: TaskPlan, plan: ContainerPlan, output: int, status: int) -> None:
    container_root.assemble(plan)
    nothing = os.open("/dev/null", os.O_RDONLY)
    _take_streams(nothing, output)
    if plan.has_init:
        child = os.fork()
        if child:
            os.close(status)
            _be_init(task, child)
    _run(task, plan, plan.command)


def _run(task: TaskPlan, plan: ContainerPlan, command: list[str]) -> NoReturn:
    environment = dict(plan.environment)
    user = _user(plan.user)
    environment.setdefault("PATH", _DEFAULT_PATH)
    environment.setdefault("HOME", user.home)
    environment.setdefault("HOSTNAME", plan.hostname)
    try:
        os.chdir(plan.working_dir or "/")
    except OSError as error:
        raise CannotStart(
            f'OCI runtime create failed: chdir to cwd ("{plan.working_dir}") set in config.json '
            f"failed: {os.strerror(error.errno or 0).lower()}"
        ) from error
    _limit(task, plan)
    _drop_power(task, user)
    for number in _DEFAULT_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    _execute(command, environment)


def _execute(command: list[str], environment: dict[str, str]) -> NoReturn:
    program = command[0]
    folders = environment["PATH"].split(":")
    candidates = [program] if "/" in program else [f"{folder}/{program}" for folder in folders]
    is_refused = False
    for candidate in candidates:
        try:
            os.execve(candidate, command, environment)
        except OSError as error:
            if error.errno == errno.EACCES:
                is_refused = True
            elif error.errno == errno.ENOEXEC:
                raise CannotStart("exec user process caused: exec format error") from error
            elif error.errno not in (errno.ENOENT, errno.ENOTDIR):
                raise
    if is_refused:
        raise CannotStart(_engine_says(f'exec: "{program}": permission denied'))
    if "/" in program:
        raise CannotStart(
            _engine_says(f'exec: "{program}": stat {program}: no such file or directory')
        )
    raise CannotStart(_engine_says(f'exec: "{program}": executable file not found in $PATH'))


def _engine_says(what: str) -> str:
    return (
        "failed to create task for container: failed to create shim task: OCI runtime create "
        f"failed: runc create failed: unable to start container process: {what}: unknown"
    )


class User:
    """Numbers to run under, and a home."""

    def __init__(self, uid: int, gid: int, groups: list[int], home: str) -> None:
        self.uid, self.gid, self.groups, self.home = uid, gid, groups, home


def _user(text: str) -> User:
    """``user``, ``uid``, each with ``:group`` or ``:gid``, looked up in the image's own files."""
    name, _, group = (text or "0").partition(":")
    found = next((row for row in _rows("/etc/passwd", 6) if name in (row[0], row[2])), None)
    if found is None and not name.isdigit():
        raise CannotStart(f"unable to find user {name}: no matching entries in passwd file")
    uid = int(found[2]) if found else int(name)
    gid = int(found[3]) if found else 0
    home = found[5] if found else "/"
    groups = [
        int(row[2]) for row in _rows("/etc/group", 4) if found and found[0] in row[3].split(",")
    ]
    if group:
        match = next((row for row in _rows("/etc/group", 3) if group in (row[0], row[2])), None)
        if match is None and not group.isdigit():
            raise CannotStart(f"unable to find group {group}: no matching entries in group file")
        gid = int(match[2]) if match else int(group)
        groups = []
    return User(uid, gid, groups, home or "/")


def _rows(path: str, columns: int) -> list[list[str]]:
    try:
        with open(path, errors="replace") as file:
            rows = [line.rstrip("\n").split(":") for line in file]
    except OSError:
        return []
    return [row for row in rows if len(row) >= columns and row[2].isdigit()]


def _limit(task: TaskPlan, plan: ContainerPlan) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = min(_OPEN_FILES, most) if most != resource.RLIM_INFINITY else _OPEN_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    if task.disk_mb:
        resource.setrlimit(resource.RLIMIT_FSIZE, (task.disk_mb * _MIB,) * 2)
    for name, soft, hard in plan.ulimits:
        number: int = getattr(resource, f"RLIMIT_{name.upper()}")
        resource.setrlimit(number, (soft, hard))


def _drop_power(task: TaskPlan, user: User) -> None:
    if task.is_root:
        os.setgroups(user.groups)
        os.setresgid(user.gid, user.gid, user.gid)
        os.setresuid(user.uid, user.uid, user.uid)
    elif user.uid or user.gid:
        raise CannotStart(
            f"user {user.uid}:{user.gid} cannot be had: the platform does not run as root, so that "
            "only root (which stands for the platform's own user) exists inside"
        )
    linux.drop_capabilities(CAPABILITIES if user.uid == 0 else ())
    # The keeper is the parent: should it be killed, the container must not live on unseen.
    linux.die_with_parent(signal.SIGKILL)
    if linux.landlock_abi():
        # What lies below no mount of the container is out of its reach, whatever leads there: an
        # image may name /proc/self/exe as its program, which is the keeper's until the exec.
        landlock.restrict((), ["/"], is_alone=False)
    if task.program:
        linux.load_seccomp(task.program)


def _be_init(task: TaskPlan, child: int) -> NoReturn:
    """Process 1 beside the program: passes signals on, reaps, ends as the program ended."""
    for number in _FORWARDED:
        signal.signal(number, lambda got, _: os.kill(child, got))
    linux.set_no_new_privileges()
    if task.is_root:
        linux.drop_bounding_capabilities((KILL,))
    linux.drop_capabilities((KILL,))
    linux.die_with_parent(signal.SIGKILL)
    os.closerange(0, _OPEN_FILES)
    while True:
        pid, ended = os.waitpid(-1, 0)
        if pid == child:
            code = os.waitstatus_to_exitcode(ended)
            os._exit(code if code >= 0 else 128 - code)


def _take_streams(source: int, target: int) -> None:
    os.dup2(source, 0)
    os.dup2(target, 1)
    os.dup2(target, 2)
    for descriptor in {source, target}:
        if descriptor > 2:
            os.close(descriptor)


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, CannotStart) else f"{type(error).__name__}: {error}"


def _tell(descriptor: int, message: Mapping[str, Any]) -> None:
    os.write(descriptor, json.dumps(message).encode() + b"\n")
