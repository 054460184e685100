"""Tables on standard output, for people; scripts take ``--json``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

_WIDE = 240


json_option = click.option("--json", "is_json", is_flag=True, help="Print everything as JSON.")
"""For commands whose answer scripts read as well."""


def show_list(
    found: Sequence[Any],
    columns: Sequence[str],
    row: Callable[[Any], Mapping[str, Any]],
    none: str,
    *,
    is_json: bool,
) -> None:
    """A listing: as JSON, as a table, or ``none`` on standard error."""
    if is_json:
        click.echo(json.dumps(found, indent=2, default=str))
    elif found:
        wide_console().print(table("", columns, [row(each) for each in found]))
    else:
        click.echo(none, err=True)


def wide_console() -> Console:
    """As wide as the terminal; nothing is cut off where there is none."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDE)


def table(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Table:
    """Columns that no row has a value for are left out; numbers stand to the right."""
    used = [name for name in columns if any(row.get(name) is not None for row in rows)]
    made = Table(box=None, padding=(0, 2, 0, 0), title=title or None, title_justify="left")
    for name in used:
        is_number = any(isinstance(row.get(name), (int, float)) for row in rows)
        made.add_column(name.replace("_", " "), justify="right" if is_number else "left")
    for row in rows:
        made.add_row(*("" if row.get(name) is None else escape(str(row[name])) for name in used))
    return made
