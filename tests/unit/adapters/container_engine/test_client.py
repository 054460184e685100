"""An engine's command line, by programs in its place."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from pileus.adapters.container_engine.client import (
    DOCKER,
    PODMAN,
    EngineClient,
    EngineUnusable,
    said,
)
from pileus.adapters.container_engine.containers import milliseconds
from pileus.adapters.container_engine.probing import ask_version, find_engine


def _program(folder: Path, name: str, *lines: str) -> str:
    path = folder / name
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return str(path)


async def test_a_command_is_told_with_what_it_said(tmp_path: Path) -> None:
    lines = ['echo "$@ $GIVEN"', "cat", 'echo "Error: no such thing" >&2', "exit 3"]
    client = EngineClient(_program(tmp_path, "podman", *lines), PODMAN, "runc")
    done = await client.run("inspect", "x", environment={"GIVEN": "given"}, given=b"read\n")
    assert (done.status, done.error) == (3, "no such thing")
    assert done.output == "--log-level error --runtime runc inspect x given\nread"


async def test_what_gives_no_answer_is_ended(tmp_path: Path) -> None:
    client = EngineClient(_program(tmp_path, "docker", "exec sleep 600"), DOCKER)
    done = await client.run("ps", within_s=0.05)
    assert (done.status, done.error) == (-9, "docker ps gave no answer within 0 s")


async def test_what_lasts_is_ended_with_its_block(tmp_path: Path) -> None:
    client = EngineClient(_program(tmp_path, "docker", "echo said", "exec sleep 600"), DOCKER)
    async with client.reading("logs") as log:
        assert await log.readline() == b"said\n"
    assert await log.read() == b""


async def test_what_it_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    """As podman's monitor of a container, which lasts as long as that."""
    client = EngineClient(_program(tmp_path, "podman", "sleep 600 &", "echo $!"), PODMAN)
    done = await client.run("start")
    os.kill(int(done.output), 9)
    assert done.status == 0


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineUnusable, match="nothing cannot be run: No such file"):
        await EngineClient(str(tmp_path / "nothing"), DOCKER).run("ps")


def test_prefixes_and_log_lines_are_not_told() -> None:
    told = b'time="2026" level=warning msg="x"\nError response from daemon: no room\n'
    assert said(told) == "no room"
    assert said(b"time=1\n") == "time=1"


@pytest.mark.parametrize(
    ("told", "at_ms"),
    [
        ("0001-01-01T00:00:00Z", 0),
        ("", 0),
        ("1970-01-01T00:00:01.5Z", 1500),
        ("1970-01-01T00:00:01.123456789Z", 1123),
        ("1970-01-01T01:00:01.25+01:00", 1250),
        ("1970-01-01T01:00:01.123456789+01:00", 1123),
        ("1969-12-31T19:00:02-05:00", 2000),
    ],
)
def test_moments(told: str, at_ms: int) -> None:
    assert milliseconds(told) == at_ms


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return folder


async def test_what_is_not_installed_is_told_with_what_to_install(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(EngineUnusable, match=r"podman is not installed: apt-get install podman"):
        await ask_version(PODMAN)


async def test_a_daemon_that_is_not_there_is_told(programs: Path) -> None:
    _program(programs, "docker", 'echo "{}"', 'echo "Cannot connect" >&2', "exit 1")
    with pytest.raises(EngineUnusable, match="docker does not answer: Cannot connect"):
        await ask_version(DOCKER)


async def test_versions(programs: Path) -> None:
    told = (
        '{"host":{"cgroupVersion":"v2","ociRuntime":{"name":"crun"}},"version":{"Version":"5.1"}}'
    )
    _program(programs, "podman", f"echo '{told}'")
    _program(programs, "docker", """echo '{"ServerVersion":"28.1","CgroupVersion":"2"}'""")
    podman, docker = await asyncio.gather(ask_version(PODMAN), ask_version(DOCKER))
    assert (podman.version, podman.cgroup_version, podman.runtime) == ("5.1", "2", "crun")
    assert (docker.version, docker.cgroup_version) == ("28.1", "2")


async def test_another_runtime_is_tried_before_podman_is_given_up(
    programs: Path, tmp_path: Path
) -> None:
    told = '{"host":{"cgroupVersion":"v1","ociRuntime":{"name":"crun"}},"version":{"Version":"4"}}'
    _program(
        programs,
        "podman",
        f"test $3 = info && echo '{told}' && exit",
        'case "$*" in *start*) test "$3 $4" = "--runtime runc" || { echo "Error: no" >&2; exit 1; };;',
        "*wait*) echo 0;; *create*) echo abc;; esac",
    )
    _program(programs, "runc", "")
    _program(programs, "crun", "")
    client = await find_engine(PODMAN, tmp_path / "run")
    assert (client.runtime, client.is_old_groups) == ("runc", True)
    _program(
        programs,
        "podman",
        f"test $3 = info && echo '{told}' && exit",
        'case "$*" in *start*) echo "Error: refused" >&2; exit 1;; *create*) echo abc;; esac',
    )
    with pytest.raises(
        EngineUnusable, match="podman 4 runs no containers here: crun: refused; runc: refused"
    ):
        await find_engine(PODMAN, tmp_path / "run")
