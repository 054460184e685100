"""``pileus source``: live sources of media and of records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from pileus.cli.connection import open_api, pairs, stage_options
from pileus.cli.tables import json_option, show_list
from pileus.deploy.live_media import address, ask, every, span_s

_SEGMENT_S_MIN, _SEGMENT_S_MAX = 0.5, 60
_GRACE_S_MAX = 7 * 86_400
_PAGE, _WAIT_S = 100, 15
_FORMS, _STARTS = ("jsonl", "sse", "json"), ("latest", "trim-horizon")
_OF_RECORDS = ("records", "form", "time_field", "every", "start")
_COLUMNS = ("name", "state", "address", "kept", "reason")


@click.group("source")
def command() -> None:
    """Live sources, of media or of records: add, list, show, rotate-key, remove.

    \b
      pileus source add lobby rtsp://user:password@camera/1
      pileus source add film ./film.mp4
      pileus source add phone --push
      pileus source add stage "rtmp://127.0.0.1:1935/live/stage?key=secret" --listen
      pileus source add sensors --push --records --time-field time
      pileus source add quakes https://example.org/feed.json --records --every 1m
      pileus source add clicks kinesis:clicks
      pileus source records sensors -f
      pileus source list
    """


@command.command("add")
@click.argument("name")
@click.argument("where", metavar="ADDRESS", required=False)
@click.option("--push", is_flag=True, help="Media is sent to it; no ADDRESS.")
@click.option("--listen", is_flag=True, help="Publishers connect to ADDRESS (rtmp:, srt:).")
@click.option("--segment", default="2s", show_default=True, help="Length of recorded pieces.")
@click.option("--keep", default="1h", show_default=True, help="Age of recordings; 0: no bound.")
@click.option("--keep-bytes", type=click.IntRange(min=0), default=0, help="Size of recordings.")
@click.option("--fast", is_flag=True, help="Read a file as fast as possible, not at its speed.")
@click.option("--records", is_flag=True, help="It has records (JSON), not pictures or sound.")
@click.option("--form", type=click.Choice(_FORMS), help="Of records; else as the server says.")
@click.option("--time-field", default="", help="Member of records that tells their time: at.time")
@click.option("--every", metavar="SPAN", help="Ask again after it, once all was told.")
@click.option("--start", type=click.Choice(_STARTS), help="Where a Kinesis stream is begun.")
@click.option("--off", is_flag=True, help="Do not read it yet.")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="How it is opened, such as rtsp_transport=udp; may be repeated.",
)
@stage_options
def add(
    name: str,
    where: str | None,
    push: bool,
    listen: bool,
    segment: str,
    keep: str,
    keep_bytes: int,
    options: Sequence[str],
    fast: bool,
    off: bool,
    **more: Any,
) -> None:
    """Read ADDRESS as source NAME from now on.

    ADDRESS is rtsp:, rtsps:, http: or https: (HLS, MJPEG, files), udp:, tcp:, rtmp:, srt:,
    device:/dev/video0, alsa:default, or the path of a file on the platform's machine; of records http:, https: or
    kinesis:STREAM. With --push it is told where to send media or records to.
    """
    if push == (where is not None):
        raise click.UsageError("either ADDRESS or --push")
    target, length_s = more, _segment_s(segment)
    records = _records(where or "", {name: target.pop(name) for name in _OF_RECORDS})
    given = {
        **({"Push": True} if where is None else {"Url": _url(where), "Listen": listen}),
        "Options": pairs(options, "--option"),
        **({"Records": records} if records is not None else {"SegmentSeconds": length_s}),
        "KeepSeconds": round(span_s(keep, "--keep")),
        "KeepBytes": keep_bytes,
        "Paced": not fast,
        "Enabled": not off,
    }
    made = ask(open_api(**target), "CreateSource", Name=name, **given)["Source"]
    click.echo(f"{made['Name']}  {_place(made)}  {made['State'].lower()}")
    if push:
        click.echo(f"key  {made['PushKey']}")


def _url(where: str) -> str:
    return where if _is_stream(where) else address(where)


def _is_stream(where: str) -> bool:
    return where.startswith(("kinesis:", "arn:aws:kinesis:"))


def _records(where: str, given: dict[str, Any]) -> dict[str, Any] | None:
    """``Records`` of a request; None for media."""
    told: dict[str, Any] = {}
    if given["form"]:
        told["Format"] = given["form"]
    if given["time_field"]:
        told["TimeField"] = given["time_field"]
    if given["every"]:
        told["EverySeconds"] = span_s(given["every"], "--every")
    if given["start"]:
        told["StartingPosition"] = given["start"].upper().replace("-", "_")
    if not (given["records"] or _is_stream(where)):
        if told:
            raise click.UsageError("--form, --time-field, --every and --start go with --records")
        return None
    return told


def _segment_s(text: str) -> float:
    length_s = span_s(text, "--segment")
    if not _SEGMENT_S_MIN <= length_s <= _SEGMENT_S_MAX:
        raise click.BadParameter("0.5 s to 60 s", param_hint="--segment")
    return length_s


@command.command("list")
@json_option
@stage_options
def list_(is_json: bool, **target: Any) -> None:
    """List the sources with their states."""
    found = every(open_api(**target), "Sources")
    none = "no sources; add one with: pileus source add NAME ADDRESS"
    show_list(found, _COLUMNS, _row, none, is_json=is_json)


def _row(source: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": source["Name"],
        "state": source["State"].lower(),
        "address": _place(source),
        "kept": f"{source['KeepSeconds']} s" if source["KeepSeconds"] else "all",
        "reason": source.get("StateReason"),
    }


def _place(source: dict[str, Any]) -> str:
    """The address, or where media is sent to."""
    return str(source.get("Url") or source.get("PushUrl") or "(pushed)")


def _held(told: dict[str, Any]) -> str:
    """``h264 640 × 360, 25 a second; aac 48000 Hz``."""
    parts = []
    if told.get("Video"):
        size = f"{told['Width']} × {told['Height']}"
        parts.append(f"{told['Video']} {size}, {told['Rate']:g} a second")
    if told.get("Audio"):
        parts.append(f"{told['Audio']} {told['SampleRate']} Hz")
    return "; ".join(parts)


def _wrong(counts: dict[str, int]) -> str:
    """``packets 1200, discontinuities 1``: what was counted at all."""
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items() if count)


@command.command("show")
@click.argument("name")
@json_option
@stage_options
def show(name: str, is_json: bool, **target: Any) -> None:
    """Show a source, its state and what is recorded of it."""
    api = open_api(**target)
    source = ask(api, "DescribeSource", Name=name)["Source"]
    segments = list(api.each("media", "ListSegments", "Segments", Source=name))
    recorded_ms = sum(each["StopMs"] - each["StartMs"] for each in segments)
    recorded = {
        "Segments": len(segments),
        "Seconds": recorded_ms / 1000,
        "Bytes": sum(each["Bytes"] for each in segments),
    }
    if is_json:
        click.echo(json.dumps({**source, "Recorded": recorded}, indent=2, default=str))
        return
    for what, value in _row(source).items():
        if value is not None:
            click.echo(f"{what:<10}{value}")
    if held := _held(source.get("Format") or {}):
        click.echo(f"holds     {held}")
    if wrong := _wrong(source.get("Counts") or {}):
        click.echo(f"counted   {wrong}")
    if "PushKey" in source:
        click.echo(f"key       {source['PushKey']}")
    if "OldPushKeyUntil" in source:
        click.echo(f"old key   until {source['OldPushKeyUntil']}")
    if "Records" in source:
        click.echo(f"kept      {source['RecordsKept']} records")
        return
    click.echo(
        f"recorded  {recorded['Seconds']:.0f} s in {recorded['Segments']} segments, "
        f"{recorded['Bytes'] / 1e6:.1f} MB"
    )


@command.command("records")
@click.argument("name")
@click.option("-f", "--follow", "is_followed", is_flag=True, help="Go on until the end, or Ctrl-C.")
@click.option("--last", type=click.IntRange(0, 1000), help="Only the newest so many.")
@stage_options
def records_(name: str, is_followed: bool, last: int | None, **target: Any) -> None:
    """Show the records of a source as JSON lines, oldest first."""
    api = open_api(**target)
    given: dict[str, Any] = {"Source": name, "MaxResults": _PAGE}
    asked = given if last is None else {**given, "Last": last}
    while True:
        told = ask(api, "ListRecords", **asked)
        for each in told["Records"]:
            record = json.loads(each["Document"])["record"]
            click.echo(json.dumps(record, separators=(",", ":"), ensure_ascii=False))
        if not told["Records"] and (told.get("Complete") or not is_followed):
            return
        asked = {**given, "AfterOffset": told["LastOffset"]}
        asked["WaitSeconds"] = _WAIT_S if is_followed else 0


@command.command("rotate-key")
@click.argument("name")
@click.option(
    "--grace", default="0s", show_default=True, help="The old key is good for so long; 7d at most."
)
@stage_options
def rotate_key(name: str, grace: str, **target: Any) -> None:
    """Give a source that is pushed to a new key.

    Who pushes with the old one is cut off when the grace ends, and refused from then on.
    """
    grace_s = round(span_s(grace, "--grace"))
    if not 0 <= grace_s <= _GRACE_S_MAX:
        raise click.BadParameter("0 s to 7 d", param_hint="--grace")
    told = ask(open_api(**target), "RotatePushKey", Name=name, GraceSeconds=grace_s)["Source"]
    click.echo(f"key  {told['PushKey']}")


@command.command("remove")
@click.argument("name")
@stage_options
def remove(name: str, **target: Any) -> None:
    """Stop reading a source; its recording and results are deleted."""
    ask(open_api(**target), "DeleteSource", Name=name)
    click.echo(f"{name} removed", err=True)
