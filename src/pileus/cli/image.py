"""``pileus image``: container images of an account's registry."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pileus.cli.build_steps import own_workshop
from pileus.cli.connection import builds_dir, open_api, pairs, stage_options
from pileus.compute.images.building.build_store import BuildStore
from pileus.deploy import images
from pileus.deploy.engine_builds import ENGINES, build_with
from pileus.deploy.image_building import CACHE_BYTES, BuildOrder, build_image

_OWN = "own"


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


@command.command("build")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("-t", "--tag", required=True, help="What to call the image, repo:tag.")
@click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The Dockerfile.  [default: Dockerfile in FOLDER]",
)
@click.option(
    "--build-arg",
    "arguments",
    multiple=True,
    metavar="NAME=VALUE",
    help="A value for an ARG; NAME alone takes it from the environment; may be repeated.",
)
@click.option("--target", default="", help="Stop at this stage.")
@click.option(
    "--with",
    "builder",
    type=click.Choice([_OWN, *ENGINES]),
    default=_OWN,
    envvar="PILEUS_IMAGE_BUILDER",
    show_default=True,
    show_envvar=True,
    help="Who builds.",
)
@stage_options
def build(builder: str, **asked: Any) -> None:
    """Build an image from a Dockerfile and put it into the registry.

    RUN steps run in the sandbox that tasks run in, without a network. A step that was made
    before, from the same files, is taken from the cache. With another builder all this is
    its affair, and FROM names its images.
    """
    where = {name: asked.pop(name) for name in ("stage", "region", "endpoint")}
    asked["arguments"] = _arguments(asked["arguments"])
    order, api = BuildOrder(**asked), open_api(**where)
    if builder != _OWN:
        click.echo(build_with(builder, api, order, _say))
        return
    digest = build_image(api, order, own_workshop(_say))
    click.echo(f"{order.tag}@{digest}")


def _arguments(texts: Sequence[str]) -> dict[str, str]:
    known = [text for text in texts if "=" in text or text in os.environ]
    return pairs(
        [text if "=" in text else f"{text}={os.environ[text]}" for text in known], "--build-arg"
    )


@command.command("list")
@stage_options
def list_(**where: Any) -> None:
    """List the images of the registry."""
    found = images.list_images(open_api(**where))
    if not found:
        click.echo("no images; bring one with: pileus image import FILE", err=True)
    names = [f"{one.repository}:{one.tag}" if one.tag else one.repository for one in found]
    width = max(map(len, names), default=0)
    for name, one in zip(names, found, strict=True):
        megabytes = one.size_bytes / 1e6
        click.echo(
            f"{name:<{width}}  {one.digest[7:19]}  {megabytes:>9.1f} MB  {one.pushed_at:%F %T}"
        )


@command.command("export", short_help="Write an image to a file.")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@stage_options
def export(name: str, file: Path, **where: Any) -> None:
    """Write the image NAME to FILE: a tar archive, OCI layout and `docker load` in one."""
    manifest = images.export_image(open_api(**where), name, file)
    click.echo(f"{file}  {manifest.digest}")


@command.command("prune", short_help="Delete the images that have no tag.")
@click.option("--cache", "is_cache", is_flag=True, help="Empty this user's build cache as well.")
@stage_options
def prune(is_cache: bool, **where: Any) -> None:
    """Delete the images that have no tag, and with them the layers nothing else names."""
    if is_cache:
        store = BuildStore(builds_dir(), CACHE_BYTES)
        with store.locked():
            store.clear()
    gone = images.prune(open_api(**where))
    for one in gone:
        click.echo(f"{one.repository}@{one.digest}")
    click.echo(f"{len(gone)} images deleted", err=True)
