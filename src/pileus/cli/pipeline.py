"""``pileus pipeline``: engines on sources, and what they say."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import click

from pileus.cli.connection import TIME, open_api, stage_options
from pileus.cli.engine import LANE_COLUMNS, lane_row
from pileus.cli.tables import json_option, show_list, table, wide_console
from pileus.deploy.live_media import Said, ask, every, follow, lane_of, results
from pileus.languages.media_results import line, subrip, veritone, webvtt

_COLUMNS = ("name", "source", "engines")
_DELIVERY_COLUMNS = ("engine", "to", "state", "delivered", "left_out", "lost", "behind", "reason")
_LINES = frozenset({"text", "json"})


@click.group("pipeline")
def command() -> None:
    """Pipelines: list, show, results. They are deployed by templates (docs/media.md).

    \b
      pileus pipeline show newsroom
      pileus pipeline results newsroom -f
      pileus pipeline results newsroom -e transcript --format vtt > newsroom.vtt
    """


@command.command("list")
@json_option
@stage_options
def list_(is_json: bool, **target: Any) -> None:
    """List the pipelines."""
    found = every(open_api(**target), "Pipelines")
    none = "no pipelines; a template has them: Type: Pileus::Media::Pipeline"
    show_list(found, _COLUMNS, _row, none, is_json=is_json)


def _row(pipeline: dict[str, Any]) -> dict[str, Any]:
    engines = ", ".join(pipeline["Engines"])
    return {"name": pipeline["Name"], "source": pipeline["Source"], "engines": engines}


@command.command("show")
@click.argument("name")
@json_option
@stage_options
def show(name: str, is_json: bool, **target: Any) -> None:
    """Show a pipeline: its source's state, and how each engine fares."""
    api = open_api(**target)
    found = ask(api, "DescribePipeline", Name=name)
    pipeline, deliveries = found["Pipeline"], found.get("Deliveries", [])
    source = ask(api, "DescribeSource", Name=pipeline["Source"])["Source"]
    told = ask(api, "ListLanes", Source=pipeline["Source"])["Lanes"]
    lanes = {each["Engine"]: each for each in told if each["Engine"] in pipeline["Engines"]}
    if is_json:
        shown = {**pipeline, "SourceState": source["State"], "Lanes": list(lanes.values())}
        shown |= {"Deliveries": deliveries} if deliveries else {}
        click.echo(json.dumps(shown, indent=2, default=str))
        return
    reason = f" ({source['StateReason']})" if source.get("StateReason") else ""
    click.echo(f"{name}: {source['Name']} is {source['State'].lower()}{reason}")
    waiting = {"Source": source["Name"], "State": "not running"}
    rows = [
        lane_row(lanes.get(engine) or {**waiting, "Engine": engine})
        for engine in pipeline["Engines"]
    ]
    wide_console().print(table("", LANE_COLUMNS, rows))
    if deliveries:
        told = [_delivery_row(each) for each in deliveries]
        wide_console().print(table("deliveries", _DELIVERY_COLUMNS, told))


def _delivery_row(delivery: dict[str, Any]) -> dict[str, Any]:
    return {
        "engine": delivery["Engine"],
        "to": delivery["Target"],
        "state": delivery["State"].lower(),
        "delivered": delivery["Delivered"],
        "left_out": delivery["LeftOut"] or None,
        "lost": delivery["Lost"] or None,
        "behind": delivery["Behind"],
        "reason": delivery.get("StateReason"),
    }


@command.command("results")
@click.argument("name")
@click.option("-e", "--engine", help="Which engine's, where the pipeline has several.")
@click.option(
    "-f",
    "--follow",
    "is_followed",
    is_flag=True,
    help="Go on until the source has ended, or Ctrl-C.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "vtt", "srt", "veritone"]),
    default="text",
    show_default=True,
    help="Lines for people, records as JSON lines, subtitles, or Veritone's engine output.",
)
@stage_options
def results_(name: str, engine: str | None, is_followed: bool, form: str, **target: Any) -> None:
    """Show what an engine said of the pipeline's source, oldest first."""
    if is_followed and form not in _LINES:
        raise click.UsageError(f"--format {form} is one whole document; leave -f out")
    api = open_api(**target)
    lane = lane_of(api, name, engine)
    said = follow(api, TIME, lane) if is_followed else results(api, lane)
    if form in _LINES:
        _tell(said, is_json=form == "json")
        return
    series = [one for each in said for one in each.document["series"]]
    if form == "veritone":
        click.echo(json.dumps(veritone(series), indent=2))
    else:
        click.echo(webvtt(series) if form == "vtt" else subrip(series), nl=False)


def _tell(said: Iterable[Said], *, is_json: bool) -> None:
    for each in said:
        if is_json:
            click.echo(json.dumps(each.document, separators=(",", ":"), ensure_ascii=False))
        elif text := line(each.document):
            click.echo(text)
