"""``pileus ps``: what runs in an environment."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from pileus.cli.connection import open_api, stage_options
from pileus.deploy.inventory import inventory

_WIDE = 240
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
    "tasks": ("name", "cluster", "group", "definition", "status", "memory_mb"),
}


@click.command("ps")
@stage_options
@click.option("--json", "is_json", is_flag=True, help="Print everything as JSON.")
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
    console = _console()
    console.print(f"account {found['account']}, {found['region']}")
    for kind, columns in _COLUMNS.items():
        if found[kind]:
            console.print(_table(kind, columns, found[kind]))
    if not any(found[kind] for kind in _COLUMNS):
        console.print("nothing is deployed here")
    for kind, reason in found["unanswered"].items():
        Console(stderr=True).print(f"{kind} unknown: {reason}", markup=False)


def _console() -> Console:
    """As wide as the terminal; nothing is cut off where there is none."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDE)


def _table(kind: str, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> Table:
    """Columns that no row has a value for are left out."""
    used = [name for name in columns if any(row.get(name) is not None for row in rows)]
    table = Table(box=None, padding=(0, 2, 0, 0), title=kind, title_justify="left")
    for name in used:
        is_number = any(isinstance(row.get(name), (int, float)) for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if is_number else "left")
    for row in rows:
        table.add_row(*("" if row.get(name) is None else str(row[name]) for name in used))
    return table
