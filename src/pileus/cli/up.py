"""``pileus up``: the platform in the foreground."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import click
import uvloop

from pileus.kernel.settings import Settings
from pileus.platform import run_until, start


@click.command("up")
@click.option("--host", help="Address to listen on; loopback only.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="The one port; 0 takes a free one.  [default: 4566]")
@click.option("--data", type=click.Path(path_type=Path), help="Data folder.  [default: ./.pileus]")
@click.option(
    "--require-tier", type=click.Choice(["A", "B", "C"]), help="Weakest sandbox accepted."
)
@click.option("--idle-s", type=float, help="Seconds until an idle function instance ends.")
def command(
    host: str | None,
    port: int | None,
    data: Path | None,
    require_tier: str | None,
    idle_s: float | None,
) -> None:
    """Start the platform and stay in the foreground.

    AWS tools find it by AWS_ENDPOINT_URL; Ctrl-C ends it. What was acknowledged is on disk, so
    ending it in any other way loses nothing either.
    """
    settings = Settings.load(
        os.environ, host=host, port=port, data_dir=data, tier=require_tier, idle_s=idle_s
    )
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    platform = await start(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    click.echo(f"Pileus answers at {platform.url} (data in {settings.data_dir})")
    click.echo(f"  page   {platform.url}/_pileus/")
    click.echo(f"  tools  export AWS_ENDPOINT_URL={platform.url} AWS_ACCESS_KEY_ID=test "
               f"AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION={settings.region}")  # fmt: skip
    await run_until(platform, stop)
