"""``pileus logs``: what a function wrote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from pileus.cli.connection import TIME, function_target, service_options
from pileus.deploy.log_tail import LogLine, follow, read, since_ms
from pileus.values.times import iso8601


@click.command("logs")
@click.option("-f", "--function", "name", required=True, help="The function's name in the file.")
@click.option("-t", "--tail", is_flag=True, help="Go on as the log grows; Ctrl-C ends it.")
@click.option("--filter", "pattern", default="", help="A CloudWatch Logs filter pattern.")
@click.option(
    "--since",
    "--startTime",
    "since",
    default="10m",
    show_default=True,
    help="How far back: 30s, 5m, 2h, 1d, or a moment such as 2026-11-21T10:00 (UTC).",
)
@click.option("--raw", is_flag=True, help="The lines alone, without their times.")
@service_options
def command(name: str, tail: bool, pattern: str, since: str, raw: bool, **where: Any) -> None:
    """Show a function's log.

    \b
      pileus logs -f hello
      pileus logs -f hello --tail --filter ERROR
    """
    api, function = function_target(name, **where)
    group = f"/aws/lambda/{function.partition(':')[0]}"  # of all versions and aliases
    start_ms = since_ms(since, TIME.now_ms())
    lines: Iterator[LogLine]
    if tail:
        lines = follow(api, TIME, group, start_ms, pattern)
    else:
        lines = read(api, group, start_ms, pattern)
    for line in lines:
        text = line.text.rstrip("\n")
        click.echo(text if raw else f"{iso8601(line.at_ms)}  {text}")
