"""The system call filter, compiled once by libseccomp and kept as bytes in the run folder."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import tempfile
from pathlib import Path

from pileus.runtime import linux

_FORBIDDEN_NAMES = (
    "acct add_key adjtimex bpf clock_adjtime clock_settime delete_module fanotify_init "
    "finit_module fsconfig fsmount fsopen fspick get_mempolicy init_module io_uring_enter "
    "io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl "
    "lookup_dcookie mbind migrate_pages mount mount_setattr move_mount move_pages "
    "name_to_handle_at nfsservctl open_by_handle_at open_tree perf_event_open personality "
    "pidfd_getfd pivot_root process_vm_readv process_vm_writev ptrace quotactl reboot "
    "request_key set_mempolicy setdomainname sethostname setns settimeofday swapoff swapon "
    "syslog umount2 unshare userfaultfd vhangup"
)
_FORBIDDEN = _FORBIDDEN_NAMES.split()
_HARMLESS_PERSONALITY = 0xFFFFFFFF  # asking for the present one
_AF_NETLINK, _AF_PACKET, _AF_ALG, _AF_VSOCK = 16, 17, 38, 40
_AF_INET, _AF_INET6 = 2, 10
_SOCK_DGRAM, _SOCK_RAW, _SOCK_TYPE_MASK = 2, 3, 0xF
_REVISION = 1


def filter_path(run_dir: Path, *, allows_udp: bool) -> Path:
    """The file that holds the BPF program, made when missing.

    ``allows_udp`` is for instances with a network namespace of their own. Raises OSError or
    ImportError when libseccomp is not to be had.
    """
    recipe = f"{_REVISION} {platform.machine()} {allows_udp} {' '.join(_FORBIDDEN)}"
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:16]
    path = run_dir / f"seccomp-{digest}.bpf"
    if not path.exists():
        run_dir.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(f".{os.getpid()}")
        scratch.write_bytes(_build(allows_udp))
        scratch.replace(path)
    return path


def _build(allows_udp: bool) -> bytes:
    # Loaded here because the library is only needed once per machine.
    import pyseccomp as seccomp  # noqa: PLC0415

    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    denied = seccomp.ERRNO(errno.EPERM)
    for name in _FORBIDDEN:
        if name == "personality":
            argument = seccomp.Arg(0, seccomp.NE, _HARMLESS_PERSONALITY)
            rules.add_rule(denied, name, argument)
        elif _is_known(seccomp, name):
            rules.add_rule(denied, name)
    namespaces = (
        linux.CLONE_NEWUSER,
        linux.CLONE_NEWNS,
        linux.CLONE_NEWNET,
        linux.CLONE_NEWPID,
        linux.CLONE_NEWIPC,
        linux.CLONE_NEWUTS,
        linux.CLONE_NEWCGROUP,
    )
    for flag in namespaces:
        rules.add_rule(denied, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, flag, flag))
    # clone3 hides its flags in memory; libc falls back to clone when it is absent.
    rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
    no_family = seccomp.ERRNO(errno.EAFNOSUPPORT)
    for family in (_AF_NETLINK, _AF_PACKET, _AF_ALG, _AF_VSOCK):
        rules.add_rule(no_family, "socket", seccomp.Arg(0, seccomp.EQ, family))
    if not allows_udp:
        for family in (_AF_INET, _AF_INET6):
            for kind in (_SOCK_DGRAM, _SOCK_RAW):
                rules.add_rule(
                    seccomp.ERRNO(errno.EACCES),
                    "socket",
                    seccomp.Arg(0, seccomp.EQ, family),
                    seccomp.Arg(1, seccomp.MASKED_EQ, _SOCK_TYPE_MASK, kind),
                )
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def _is_known(seccomp: object, name: str) -> bool:
    """Whether this architecture has the call (libseccomp answers with a negative number)."""
    try:
        number: int = seccomp.resolve_syscall(seccomp.Arch.NATIVE, name)  # type: ignore[attr-defined]
    except (ValueError, KeyError):
        return False
    return number >= 0
