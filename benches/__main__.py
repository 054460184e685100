"""``python -m benches [NAME…] [--quick]``: measure, show the table, write ``benches/latest.json``."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from rich.console import Console

from benches.apparatus import figures
from benches.apparatus.effort import FULL, QUICK

QUESTIONS = (
    "cold_start",
    "snapstart",
    "warm_invoke",
    "inside_invoke",
    "invoke_rates",
    "density",
    "signed_calls",
    "durable_sends",
    "cpu_per_call",
    "object_to_function",
    "queue_to_function",
    "container_task",
    "pipeline",
    "media_engines",
    "media_cameras",
    "media_lag",
    "media_soak",
    "start_up",
)
LATEST = Path(__file__).with_name("latest.json")


def main() -> None:
    """Measure what was asked for, one question after another."""
    parser = argparse.ArgumentParser(prog="python -m benches", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(QUESTIONS)}")
    parser.add_argument("--quick", action="store_true", help="a short look, less exact")
    parser.add_argument("--json", type=Path, default=LATEST, help="where the figures are kept")
    options = parser.parse_args()
    if unknown := set(options.names) - set(QUESTIONS):
        parser.error(f"no such question: {', '.join(sorted(unknown))}")
    console = Console(highlight=False)
    measured: list[figures.Figure] = []
    for name in options.names or QUESTIONS:
        with console.status(f"measuring {name}"):
            found = importlib.import_module(f"benches.{name}").run(QUICK if options.quick else FULL)
        measured += found
        # Kept one by one: a later question that fails loses nothing.
        figures.write(found, options.json)
    figures.show(measured, console)


if __name__ == "__main__":
    main()
