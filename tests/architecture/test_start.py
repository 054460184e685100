"""What is imported between ``pileus up`` and the first answer: every module there is paid for by every
start, so whatever a wing or a room needs comes when it is first asked for (decision 0009)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.architecture.conftest import ROOT

_PROGRAM = """
import asyncio, sys
from pathlib import Path
import pileus.cli.main, pileus.cli.up
from pileus.kernel.settings import Settings
from pileus.platform import start
from benches.apparatus import wire

async def work():
    platform = await start(Settings(port=0, data_dir=Path(sys.argv[1])))
    reader, writer = await asyncio.open_connection("127.0.0.1", platform.settings.port)
    writer.write(wire.caller_identity(platform.settings.port))
    assert b"200 OK" in await reader.readline()
    writer.close()
    print("\\n".join(sys.modules))
    # Nor may an end that nobody needed anything of import what it would close.
    await platform.close()
    assert not any(name.startswith("pileus.adapters.local_node") for name in sys.modules)

asyncio.run(work())
"""
_ALLOWED = {
    "pileus.cli": {"main", "up"},
    "pileus.platform": {"opening", "running"},
    "pileus.console": {"feed", "functions", "places", "subscription"},
    "pileus.adapters": {
        "blob_file",
        "blob_paths",
        "chance_system",
        "clock_system",
        "disk",
        "file_blobs",
        "folder_flush",
        "group_commit",
        "key_file",
        "log_frames",
        "log_offsets",
        "log_partition",
        "log_segments",
        "log_writer",
        "sealer_identity",
        "segment_log",
        "sqlite_state",
    },
    "pileus.gateway": {
        "app",
        "aws",
        "bodies",
        "bucket_cors",
        "claims",
        "connection",
        "limits",
        "origins",
        "sending",
        "server",
        "wire",
    },
    "pileus.languages": set[str](),
    "pileus.compute": set[str](),
    "pileus.media": set[str](),
    "pileus.deploy": set[str](),
    "pileus.runtime": set[str](),
    "pileus.testing": set[str](),
}
"""Packages of which only some modules, or none, are needed so early; of the others all may be."""
_OF_ROOMS = {"room", "errors", "names", "limits"}
"""What every room's manifest may bring along."""
_ASKED = {"sts"}
_QUEUE_ADDRESSES = {"pileus.services.sqs.store", "pileus.services.sqs.model"}
"""Whose queue a call is about, and whether its attributes exist, is told before the call runs."""
_OUTSIDE = {
    "bz2",
    "ctypes",
    "email",
    "http.client",
    "http.cookies",
    "importlib.metadata",
    "importlib.resources",
    "lzma",
    "multiprocessing",
    "random",
    "shutil",
    "tarfile",
    "tempfile",
    "urllib.request",
    "zipfile",
    "_strptime",
    "botocore",
    "cryptography",
    "jsonatapy",
    "rich",
    "sortedcontainers",
    "wsproto",
    "yaml",
}
"""Libraries that take long to import and that a first answer does not need."""


def _imported(folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(folder / "data")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def _is_early(name: str) -> bool:
    package, _, module = name.rpartition(".")
    parts = name.split(".")
    if parts[:2] == ["pileus", "services"] and len(parts) > 3:
        return parts[2] in _ASKED or parts[3] in _OF_ROOMS or name in _QUEUE_ADDRESSES
    if package in _ALLOWED:
        return module in _ALLOWED[package]
    above = ".".join(parts[:2])
    # Deeper than any module named above.
    return above == name or above not in _ALLOWED


def test_a_start_imports_what_the_first_answer_needs_and_no_more(tmp_path: Path) -> None:
    imported = _imported(tmp_path)
    own = [name for name in imported if name.startswith("pileus.") and not _is_early(name)]
    assert not own, f"import these when they are first needed (platform/running.py): {own}"
    outside = [name for name in imported if name in _OUTSIDE]
    assert not outside, f"these take long to import and can wait: {outside}"
