"""A measured figure beside its floor, and how the figures are shown and kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benches.apparatus.machine import commit, machine


@dataclass(frozen=True, slots=True)
class Reach:
    """What a figure must come to.

    Attributes:
        is_at_most: an upper bound; else a lower one.
        of_ratio: the bound on value / floor; None where the value itself is bound.
        of_value: the bound on the value; None where the ratio is bound.
    """

    is_at_most: bool
    of_ratio: float | None = None
    of_value: float | None = None

    def is_met(self, value: float, ratio: float) -> bool:
        """Whether a figure reaches it."""
        bound = self.of_ratio if self.of_ratio is not None else self.of_value
        measured = ratio if self.of_ratio is not None else value
        assert bound is not None
        return measured <= bound if self.is_at_most else measured >= bound

    def __str__(self) -> str:
        sign = "≤" if self.is_at_most else "≥"
        return f"{sign} {self.of_ratio:g} ×" if self.of_ratio is not None else (
            f"{sign} {self.of_value:g}"
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table.

    Attributes:
        value: in ``unit``.
        floor: what the same machine does at best for the same thing, in ``unit``; ``floor_name``
            tells what that is.
        note: what a reader must know to repeat it.
    """

    name: str
    value: float
    unit: str
    floor: float
    floor_name: str
    reach: Reach
    note: str = ""

    @property
    def ratio(self) -> float:
        """Value over floor."""
        return self.value / self.floor

    @property
    def is_reached(self) -> bool:
        """Whether it comes to what it must."""
        return self.reach.is_met(self.value, self.ratio)


def write(figures: Sequence[Figure], path: Path) -> None:
    """Keep the figures as JSON; figures of the file that were not measured now stay."""
    kept = json.loads(path.read_text()) if path.exists() else []
    here, now = machine(), commit()
    rows = {row["name"]: row for row in kept}
    for figure in figures:
        rows[figure.name] = {
            "name": figure.name,
            "value": _rounded(figure.value),
            "unit": figure.unit,
            "floor": _rounded(figure.floor),
            "ratio": _rounded(figure.ratio),
            "machine": here,
            "commit": now,
        }
    path.write_text(json.dumps(list(rows.values()), indent=2, ensure_ascii=False) + "\n")


def show(figures: Sequence[Figure], console: Console) -> None:
    """The table."""
    table = Table(title=f"{commit()} on {machine()}", title_justify="left", title_style="dim")
    for name in ("what", "value", "floor", "ratio", "reach", ""):
        right = name in ("value", "ratio", "reach")
        table.add_column(name, justify="right" if right else "left", no_wrap=right)
    for figure in figures:
        table.add_row(
            f"{figure.name}\n[dim]{figure.note}[/dim]" if figure.note else figure.name,
            f"{_short(figure.value)} {figure.unit}",
            f"{_short(figure.floor)} [dim]{figure.floor_name}[/dim]",
            f"{figure.ratio:.2f} ×",
            str(figure.reach),
            "[green]reached[/green]" if figure.is_reached else "[red]missed[/red]",
        )
    console.print(table)


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
