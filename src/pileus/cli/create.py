"""``pileus create``: a new service from a template."""

from __future__ import annotations

from pathlib import Path

import click

from pileus.deploy.creation import create, template_names


@click.command("create")
@click.option("-t", "--template", default="aws-python3", show_default=True, help="Template to use.")
@click.option(
    "-p",
    "--path",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the new service; made if needed.",
)
@click.option("-n", "--name", help="The service's name.  [default: the folder's]")
@click.option("--list", "is_list", is_flag=True, help="List the templates.")
def command(template: str, path: Path | None, name: str | None, is_list: bool) -> None:
    """Make a new service from a template.

    \b
      pileus create --template aws-python3 --path myService
      cd myService && pileus deploy
    """
    if is_list:
        click.echo("\n".join(template_names()))
        return
    if path is None:
        raise click.UsageError("name the new service's folder: --path myService")
    for written in create(template, path, name):
        click.echo(written)
    click.echo(f"\nNext: cd {path} && pileus deploy && pileus invoke -f hello", err=True)
