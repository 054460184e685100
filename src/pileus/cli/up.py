"""``pileus up``: the platform in the foreground."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import resource
import signal
from pathlib import Path

import click
import uvloop

from pileus.kernel.settings import Settings
from pileus.platform import run_until, start
from pileus.values.errors import PileusError

_FREE_PORTS_FROM = 1024
_COLLECT_EVERY = (20_000, 20, 50)
"""Net new containers until the youngest are looked through, and how many of those lookings until the
next generation is. Every call under way holds a hundred: the default, 700, finds nothing but those."""
_OPEN_FILES_MOST = 65_536
"""Enough for ten thousand instances; where the limit is a billion, some programs walk through all of it."""
_PORT_PROBLEMS = {
    errno.EADDRINUSE: "is in use by another program",
    errno.EADDRNOTAVAIL: "is no address of this machine",
}


@click.command("up")
@click.option("--host", help="Address to listen on; loopback only.  [default: 127.0.0.1]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="The one port; 0 takes a free one.  [default: 4566]",
)
@click.option("--data", type=click.Path(path_type=Path), help="Data folder.  [default: ./.pileus]")
@click.option(
    "--require-tier", type=click.Choice(["A", "B", "C"]), help="Weakest sandbox accepted."
)
@click.option(
    "--idle-s",
    type=click.FloatRange(min=0),
    help="Seconds until an idle function instance ends.",
)
@click.option(
    "--task-runner",
    type=click.Choice(["own", "podman", "docker"]),
    help="What runs container tasks.  [default: own]",
)
def command(
    host: str | None,
    port: int | None,
    data: Path | None,
    require_tier: str | None,
    idle_s: float | None,
    task_runner: str | None,
) -> None:
    """Start the platform and stay in the foreground.

    AWS tools find it by AWS_ENDPOINT_URL; Ctrl-C ends it. What was acknowledged is on disk, so
    ending it in any other way loses nothing either.
    """
    settings = Settings.load(
        os.environ,
        host=host,
        port=port,
        data_dir=data,
        tier=require_tier,
        idle_s=idle_s,
        task_runner=task_runner,
    )
    _raise_open_files()
    uvloop.run(_serve(settings))


def _raise_open_files() -> None:
    """Every instance and connection takes some; shells give 1024, and more only who asks for it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = hard == resource.RLIM_INFINITY
    wanted = _OPEN_FILES_MOST if unlimited else min(hard, _OPEN_FILES_MOST)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class CannotStart(PileusError):
    """The machine does not give the platform what it needs."""


async def _serve(settings: Settings) -> None:
    try:
        platform = await start(settings)
    except OSError as error:
        raise CannotStart(_why(settings, error)) from error
    # Code and compiled shapes stay for good: looking through them again takes time from every call.
    gc.freeze()
    gc.set_threshold(*_COLLECT_EVERY)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    click.echo(f"Pileus answers at {platform.url} (data in {settings.data_dir})")
    click.echo(f"  page   {platform.url}/_pileus/")
    click.echo(f"  tools  export AWS_ENDPOINT_URL={platform.url} AWS_ACCESS_KEY_ID=test "
               f"AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION={settings.region}")  # fmt: skip
    await run_until(platform, stop)


def _why(settings: Settings, error: OSError) -> str:
    where = f"{settings.host}:{settings.port}"
    if error.errno in _PORT_PROBLEMS:
        return f"{where} {_PORT_PROBLEMS[error.errno]}; choose another with --port (0: a free one)"
    if error.errno == errno.EACCES and not error.filename and settings.port < _FREE_PORTS_FROM:
        return f"{where} is for root only; choose a port from {_FREE_PORTS_FROM} on with --port"
    reason = error.strerror or str(error)
    if error.errno == errno.EEXIST:
        reason = "it is a file, not a folder"
    place = error.filename or settings.data_dir
    return f"the data folder cannot be used: {place}: {reason}; choose another with --data"
