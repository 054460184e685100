"""``pileus doctor``: what this machine allows, and what is missing."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import importlib.util
import json
import os
import shutil
import socket
import sys
import tempfile
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from pileus.adapters.clock_system import SystemClock
from pileus.adapters.container_engine.client import ENGINES, EngineUnusable
from pileus.adapters.container_engine.probing import ask_version, find_engine
from pileus.adapters.local_node import LocalNodes, LocalNodeSettings, Tier
from pileus.kernel.settings import InvalidSetting, Settings
from pileus.ports.nodes import NoCapacity

_OLDEST_PYTHON = (3, 11)
_MEDIA = ("av", "numpy", "cv2", "simplejpeg", "ai_edge_litert")
_DISK_NEEDED_BYTES = 100e6
_DISK_WISHED_BYTES = 2e9
_TIERS = "ABC"


class Verdict(enum.Enum):
    """How bad it is."""

    GOOD = "good"
    LIMITED = "limited"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; ``advice`` is what to do unless all is good."""

    what: str
    verdict: Verdict
    found: str
    advice: str = ""


@click.command("doctor")
@click.option("--json", "is_json", is_flag=True, help="Print as JSON.")
def command(is_json: bool) -> None:
    """Tell what this machine allows, and what is missing; exit status 1 when something needed is.

    Looks at Python, the sandbox that the kernel permits, the port, the disk, and what the
    demonstration needs. Settings count as for pileus up (PILEUS_PORT, PILEUS_DATA_DIR, …).
    """
    findings = examine(Settings.load(os.environ))
    if is_json:
        rows = [{**asdict(one), "verdict": one.verdict.value} for one in findings]
        click.echo(json.dumps(rows, indent=2))
    else:
        _show(findings)
    if any(one.verdict is Verdict.MISSING for one in findings):
        sys.exit(1)


def examine(settings: Settings) -> list[Finding]:
    """Every finding, the most basic ones first."""
    return [
        _python(),
        *_sandbox(settings),
        _port(settings),
        _disk(settings.data_dir),
        _runners(settings),
        _pip(),
        _media(),
        _program("npm", "the demonstration's model comes out of an npm package, and so does the AWS "
                 "SDK that Node.js functions find in their runtime",
                 "apt-get install npm, or give the demonstration --model FILE"),
        _program("node", "functions of Node.js run on it", "apt-get install nodejs (18 or later)"),
        _program("apt-get", "the demonstration's video comes out of a Debian package",
                 "give the demonstration --video FILE"),
    ]  # fmt: skip


def _show(findings: list[Finding]) -> None:
    marks = {Verdict.GOOD: "ok", Verdict.LIMITED: "--", Verdict.MISSING: "!!"}
    width = max(len(one.what) for one in findings)
    for one in findings:
        click.echo(f"{marks[one.verdict]}  {one.what:<{width}}  {one.found}")
        if one.advice:
            click.echo(f"    {'':<{width}}{one.advice}")


def _python() -> Finding:
    found = f"{'.'.join(map(str, sys.version_info[:3]))} ({sys.executable})"
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return Finding("Python", Verdict.MISSING, found, "Pileus needs Python 3.11 or newer")
    return Finding("Python", Verdict.GOOD, found)


def _sandbox(settings: Settings) -> list[Finding]:
    if not sys.platform.startswith("linux"):
        return [
            Finding(
                "sandbox",
                Verdict.LIMITED,
                f"tier C on {sys.platform}: resource limits only",
                "run Pileus on Linux to wall functions off from this machine",
            )
        ]
    with tempfile.TemporaryDirectory(prefix="pileus-doctor-") as run_dir:
        try:
            return asyncio.run(_probe(settings, Path(run_dir)))
        except NoCapacity as error:
            return [Finding("sandbox", Verdict.MISSING, "none works", str(error))]


async def _probe(settings: Settings, run_dir: Path) -> list[Finding]:
    nodes = LocalNodes(LocalNodeSettings(run_dir), SystemClock())
    try:
        can = await nodes.probe()
    finally:
        await nodes.close()
    why = "; ".join(can.reasons)
    verdict = Verdict.GOOD if can.tier is Tier.A else Verdict.LIMITED
    if _TIERS.index(can.tier.value) > _TIERS.index(settings.tier):
        verdict, why = Verdict.MISSING, f"PILEUS_TIER asks for {settings.tier}: {why}"
    how = " through a user namespace" if can.uses_user_namespace else ""
    tier = Finding(
        "sandbox",
        verdict,
        f"tier {can.tier.value}{how}: {can.tier.description}",
        "" if verdict is Verdict.GOOD else _told(why, can.tier),
    )
    details = f"Landlock ABI {can.landlock_abi or 'none'}"
    if can.cgroup_version:
        return [
            tier,
            Finding("kernel", Verdict.GOOD, f"{details}, cgroup v{can.cgroup_version} writable"),
        ]
    return [
        tier,
        Finding(
            "kernel",
            Verdict.LIMITED,
            f"{details}, control groups not writable",
            "memory limits are kept by watching each function instead of by the kernel",
        ),
    ]


def _told(why: str, tier: Tier) -> str:
    """Why a machine gives no better tier, and what that means."""
    return f"{why}. In tier {tier.value} {tier.weakness}" if tier.weakness else why


def _port(settings: Settings) -> Finding:
    place = f"{settings.host}:{settings.port}"
    try:
        settings.require_loopback()
    except InvalidSetting as error:
        return Finding(
            "port", Verdict.MISSING, str(error), "use the default: PILEUS_HOST=127.0.0.1"
        )
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((settings.host, settings.port))
        except OSError as error:
            return _taken_port(place, error)
    return Finding("port", Verdict.GOOD, f"{place} is free")


def _taken_port(place: str, error: OSError) -> Finding:
    try:
        with urllib.request.urlopen(f"http://{place}/_pileus/health", timeout=2) as answer:
            version = json.load(answer).get("version", "?")
    except (urllib.error.URLError, OSError, ValueError, AttributeError):
        return Finding(
            "port",
            Verdict.MISSING,
            f"{place}: {error.strerror}",
            "another program has it, or it is for root only; choose another port: pileus up --port 4567",
        )
    return Finding("port", Verdict.GOOD, f"Pileus {version} answers at {place}")


def _disk(data_dir: Path) -> Finding:
    place = data_dir.absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK):
        wrong = "cannot be written" if place.is_dir() else "is no folder"
        return Finding("data", Verdict.MISSING, f"{place} {wrong}", "choose another: --data DIR")
    free = shutil.disk_usage(place).free
    found = f"{free / 1e9:.1f} GB free for {data_dir}"
    if free < _DISK_NEEDED_BYTES:
        return Finding("data", Verdict.MISSING, found, "make room, or choose another: --data DIR")
    if free < _DISK_WISHED_BYTES:
        return Finding("data", Verdict.LIMITED, found, "little room for video and packages")
    return Finding("data", Verdict.GOOD, found)


def _runners(settings: Settings) -> Finding:
    """What could run container tasks, and whether what is to run them does."""
    there = ["own"]
    for engine in ENGINES:
        with contextlib.suppress(EngineUnusable):  # that it is not there is what is told
            there.append(f"{engine} {asyncio.run(ask_version(engine)).version}")
    chosen = settings.task_runner
    found = f"{chosen} is chosen; there are: {', '.join(there)}"
    try:
        if chosen in ENGINES:
            with tempfile.TemporaryDirectory(prefix="pileus-doctor-") as run_dir:
                asyncio.run(find_engine(chosen, Path(run_dir)))
    except EngineUnusable as error:
        return Finding("task runner", Verdict.MISSING, found, str(error))
    return Finding("task runner", Verdict.GOOD, found)


def _pip() -> Finding:
    if importlib.util.find_spec("pip") is None:
        return Finding(
            "pip",
            Verdict.LIMITED,
            "not installed",
            "functions' requirements cannot be installed at deploy: python -m ensurepip",
        )
    return Finding("pip", Verdict.GOOD, "installed")


def _media() -> Finding:
    missing = [name for name in _MEDIA if importlib.util.find_spec(name) is None]
    if missing:
        return Finding(
            "media",
            Verdict.LIMITED,
            f"without {', '.join(missing)}",
            "for video and models: pip install 'pileus[media]'",
        )
    return Finding("media", Verdict.GOOD, "video and model libraries are installed")


def _program(name: str, purpose: str, advice: str) -> Finding:
    path = shutil.which(name)
    if path is None:
        return Finding(name, Verdict.LIMITED, f"not found; {purpose}", advice)
    return Finding(name, Verdict.GOOD, path)
