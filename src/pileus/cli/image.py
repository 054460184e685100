"""``pileus image``: container images of an account's registry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pileus.cli.connection import open_api, stage_options
from pileus.deploy import images


@click.group("image")
def command() -> None:
    """Container images: import, build, list, export, prune.

    \b
      pileus image import ffmpeg.tar --name ffmpeg:local
      pileus image build ./folder -t thumbnailer
      pileus image list
    """


def _say(line: str) -> None:
    click.echo(line, err=True)


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("-n", "--name", help="What to call it, repo:tag.  [default: as the file does]")
@stage_options
def import_(file: Path, name: str | None, **where: Any) -> None:
    """Put an image from FILE into the registry.

    FILE is an OCI layout (a folder or a tar archive) or what `docker save` wrote.
    """
    for done in images.import_images(open_api(**where), file, name, _say):
        click.echo(done)


@command.command("list")
@stage_options
def list_(**where: Any) -> None:
    """List the images of the registry."""
    found = images.list_images(open_api(**where))
    names = [f"{one.repository}:{one.tag}" if one.tag else one.repository for one in found]
    width = max(map(len, names), default=0)
    for name, one in zip(names, found, strict=True):
        megabytes = one.size_bytes / 1e6
        click.echo(
            f"{name:<{width}}  {one.digest[7:19]}  {megabytes:>9.1f} MB  {one.pushed_at:%F %T}"
        )


@command.command("export")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@stage_options
def export(name: str, file: Path, **where: Any) -> None:
    """Write the image NAME to FILE: a tar archive, OCI layout and `docker load` in one."""
    manifest = images.export_image(open_api(**where), name, file)
    click.echo(f"{file}  {manifest.digest}")


@command.command("prune")
@stage_options
def prune(**where: Any) -> None:
    """Delete the images that have no tag, and with them the layers nothing else names."""
    gone = images.prune(open_api(**where))
    for one in gone:
        click.echo(f"{one.repository}@{one.digest}")
    click.echo(f"{len(gone)} images deleted", err=True)
