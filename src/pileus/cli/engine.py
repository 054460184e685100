"""``pileus engine``: code that looks at live media."""

from __future__ import annotations

import json
from typing import Any

import click

from pileus.cli.connection import open_api, stage_options
from pileus.cli.tables import json_option, show_list, table, wide_console
from pileus.deploy.live_media import ask, every

_COLUMNS = ("name", "mode", "input", "batch", "instances", "behind", "memory_mb", "handler")


@click.group("engine")
def command() -> None:
    """Engines: list, show. They are deployed by templates (docs/media.md).

    \b
      pileus engine list
      pileus engine show people
    """


@command.command("list")
@json_option
@stage_options
def list_(is_json: bool, **target: Any) -> None:
    """List the engines."""
    found = every(open_api(**target), "Engines")
    none = "no engines; a template has them: Type: Pileus::Media::Engine"
    show_list(found, _COLUMNS, _row, none, is_json=is_json)


@command.command("show")
@click.argument("name")
@json_option
@stage_options
def show(name: str, is_json: bool, **target: Any) -> None:
    """Show an engine, and how it fares on each source."""
    api = open_api(**target)
    engine = ask(api, "DescribeEngine", Name=name)["Engine"]
    lanes = [each for each in ask(api, "ListLanes")["Lanes"] if each["Engine"] == name]
    if is_json:
        click.echo(json.dumps({**engine, "Lanes": lanes}, indent=2, default=str))
        return
    for what, value in _row(engine).items():
        click.echo(f"{what.replace('_', ' '):<11}{value}")
    if lanes:
        wide_console().print(table("lanes", LANE_COLUMNS, [lane_row(each) for each in lanes]))


LANE_COLUMNS = (
    "source", "engine", "state", "health", "lag_ms", "waiting", "busy", "results", "failures",
    "dead", "restarts", "gated", "dropped", "reason",
)  # fmt: skip


def lane_row(lane: dict[str, Any]) -> dict[str, Any]:
    """A lane as a row of a table with :data:`LANE_COLUMNS`."""
    drops = {reason: count for reason, count in lane.get("Drops", {}).items() if count}
    return {
        "source": lane["Source"],
        "engine": lane["Engine"],
        "state": lane["State"].lower(),
        "health": lane.get("Health", "").lower() or None,
        "lag_ms": lane.get("LagMs"),
        "waiting": lane.get("Waiting"),
        "busy": lane.get("Instances"),
        "results": lane.get("Results"),
        "failures": lane.get("Failures"),
        "dead": lane.get("Dead"),
        "restarts": lane.get("Restarts") or None,
        "gated": _gated(lane),
        "dropped": ", ".join(f"{count} {reason}" for reason, count in drops.items()) or None,
        "reason": lane.get("StateReason"),
    }


def _gated(lane: dict[str, Any]) -> str | None:
    """Pictures in which nothing moved, and sound that was not sent, by reason."""
    told = [str(lane["Gated"])] if lane.get("Gated") else []
    told += [f"{ms / 1000:.1f} s {why}" for why, ms in lane.get("GatedMs", {}).items() if ms]
    return ", ".join(told) or None


def _row(engine: dict[str, Any]) -> dict[str, Any]:
    scale, batch = engine["Scale"], engine["Batch"]
    return {
        "name": engine["Name"],
        "mode": engine["Mode"],
        "input": _input(engine["Input"]),
        "batch": f"{batch['Size']} in {batch['WindowMs']} ms" if batch["Size"] > 1 else "1",
        "instances": f"{scale['Min']} to {scale['Max']}",
        "behind": engine["WhenBehind"],
        "memory_mb": engine["MemoryMB"],
        **_program(engine),
    }


def _program(engine: dict[str, Any]) -> dict[str, Any]:
    """What runs it."""
    if function := engine.get("Function"):
        return {"function": function}
    if image := engine.get("ImageUri"):
        return {"image": image, "http": f"port {engine['Http']['Port']}"}
    if runtime := engine.get("Runtime"):
        told = {"runtime": runtime, "http": f"port {engine['Http']['Port']}"}
        return told | ({"handler": engine["Handler"]} if engine.get("Handler") else {})
    return {"handler": engine["Handler"]}


def _input(given: dict[str, Any]) -> str:
    if given["Kind"] == "audio":
        cut = ""
        if given.get("Cut", "none") != "none":
            cut = f", cut at {given['Cut']} up to {given['MaxMs'] / 1000:g} s"
        return f"sound at {given['Rate']:g} Hz{cut}"
    if given["Kind"] == "segments":
        return "recorded segments"
    if given["Kind"] == "results":
        return f"results of {given['Results']}"
    size = f", {given['Width']} wide" if given.get("Width") else ""
    gate = f", on {given['Gate']}" if given.get("Gate", "none") != "none" else ""
    form = ", as JPEG" if given.get("Format") == "jpeg" else ""
    return f"{given['Rate']:g} pictures/s{size}{form}{gate}"
