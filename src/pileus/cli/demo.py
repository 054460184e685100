"""``pileus demo``: a demonstration on real input, by one command."""

from __future__ import annotations

from pathlib import Path

import click

from pileus.cli.demo_corb import CorbDemo, DemoOptions


@click.group("demo")
def command() -> None:
    """Run a demonstration on real input, by one command."""


@command.command("corb")
@click.option(
    "--video",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Your own video.  [default: Debian's sample of people walking]",
)
@click.option(
    "--model",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Your own detector (.tflite, SSD of 24 classes).  [default: taken from npm]",
)
@click.option("--speed", type=float, default=1.0, show_default=True, help="1 is real time.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the summary there as JSON.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".pileus/demo-corb"),
    show_default=True,
    help="Data folder; it is emptied first.",
)
@click.option("--port", type=int, default=4566, show_default=True, help="Taken if it is free.")
@click.option("--stay", is_flag=True, help="Keep the platform and the page up afterwards.")
@click.option(
    "--apps", type=click.Path(path_type=Path, file_okay=False), help="Folder of the apps."
)
def corb(
    video: Path | None,
    model: Path | None,
    speed: float,
    json_file: Path | None,
    data: Path,
    port: int,
    stay: bool,
    apps: Path | None,
) -> None:
    """Edifice Corb: person detection on a video in real time, occupancy, SMS, a live page.

    A source cuts the video into segments and puts them into a bucket; a function samples their frames
    and asks a model endpoint; detections land in another bucket, occupancy in a table; texts are
    answered. Exits 0 only if detections were really stored.

    \b
      pileus demo corb
      pileus demo corb --video entrance.mp4 --speed 4 --json out.json
    """
    if speed <= 0:
        raise click.BadParameter("must be greater than 0", param_hint="--speed")
    CorbDemo(
        DemoOptions(
            video=video,
            model=model,
            speed=speed,
            json_file=json_file,
            data_dir=data,
            port=port,
            is_staying=stay,
            apps_dir=apps,
        )
    ).run()
