"""``pileus config``: settings as they are in force."""

from __future__ import annotations

import json
import os

import click
from msgspec.structs import fields

from pileus.kernel.settings import SECRET, Settings


@click.group("config")
def command() -> None:
    """Settings: flags of pileus up win over PILEUS_<NAME>, which wins over the default."""


@command.command("show", short_help="Show every setting, and where it comes from.")
@click.option("--json", "is_json", is_flag=True, help="Print as JSON.")
def show(is_json: bool) -> None:
    """Show every setting as pileus up would take it from here, and where it comes from."""
    settings = Settings.load(os.environ)
    rows = []
    for field in fields(Settings):
        variable = f"PILEUS_{field.name.upper()}"
        value = getattr(settings, field.name)
        if value and field.name in SECRET:
            value = "(set)"
        source = variable if variable in os.environ else "default"
        rows.append({"name": field.name, "value": str(value), "from": source, "set_by": variable})
    if is_json:
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(row["name"]) for row in rows)
    values = max(len(row["value"]) for row in rows)
    for row in rows:
        hint = row["from"] if row["from"] != "default" else f"default; set by {row['set_by']}"
        click.echo(f"{row['name']:<{width}}  {row['value']:<{values}}  {hint}")
