"""``pileus ps``: what runs in an environment."""

from __future__ import annotations

import json

import click
from rich.console import Console

from pileus.cli.connection import open_api, stage_options
from pileus.cli.tables import json_option, table, wide_console
from pileus.deploy.inventory import inventory

_COLUMNS = {
    "stacks": ("name", "status"),
    "functions": (
        "name",
        "runtime",
        "memory_mb",
        "cold",
        "warm",
        "in_flight",
        "errors",
        "p50_ms",
        "p95_ms",
        "gb_seconds",
    ),
    "queues": ("name", "visible", "in_flight", "delayed"),
    "tables": ("name", "items"),
    "buckets": ("name",),
    "endpoints": ("name", "status"),
    "tasks": (
        "name",
        "cluster",
        "group",
        "definition",
        "status",
        "memory_mb",
        "vcpu_seconds",
        "gb_seconds",
    ),
    "clusters": ("name", "running", "tasks", "vcpu_seconds", "gb_seconds"),
}


@click.command("ps")
@stage_options
@json_option
def command(stage: str | None, region: str | None, endpoint: str, is_json: bool) -> None:
    """Show what runs in a stage: functions with their starts, queues with their depth, the rest.

    \b
      pileus ps
      pileus ps --stage prod --json
    """
    found = inventory(open_api(stage, region, endpoint))
    if is_json:
        click.echo(json.dumps(found, indent=2))
        return
    console = wide_console()
    console.print(f"account {found['account']}, {found['region']}")
    for kind, columns in _COLUMNS.items():
        if found[kind]:
            console.print(table(kind, columns, found[kind]))
    if not any(found[kind] for kind in _COLUMNS):
        console.print("nothing is deployed here")
    for kind, reason in found["unanswered"].items():
        Console(stderr=True).print(f"{kind} unknown: {reason}", markup=False)
