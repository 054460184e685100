"""``pileus env``: stages, each an account of its own."""

from __future__ import annotations

import json

import click

from pileus.cli.connection import endpoint_option
from pileus.deploy.api import Api
from pileus.deploy.environments import find, known
from pileus.values.context import DEFAULT_ACCOUNT, DEFAULT_REGION


@click.group("env")
def command() -> None:
    """Environments: every stage is an account of its own.

    \b
      pileus env list
      pileus env show prod >> ~/.aws/config
      eval "$(pileus env show prod --shell)"
    """


@command.command("list")
@endpoint_option
@click.option("--json", "is_json", is_flag=True, help="Print as JSON.")
def list_environments(endpoint: str, is_json: bool) -> None:
    """List the stages that something was deployed to."""
    found = known(Api(endpoint, DEFAULT_ACCOUNT, DEFAULT_REGION))
    if is_json:
        rows = [
            {"stage": one.stage, "account": one.account, "access_key": one.access_key}
            for one in found
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(one.stage) for one in found)
    for one in found:
        click.echo(f"{one.stage:<{width}}  {one.account}")
    click.echo("\nFor an AWS profile of one of them: pileus env show STAGE", err=True)


@command.command("show")
@click.argument("stage")
@click.option("-r", "--region", default=DEFAULT_REGION, show_default=True)
@click.option("--shell", "is_shell", is_flag=True, help="Variables for the shell, not a profile.")
@endpoint_option
def show(stage: str, region: str, is_shell: bool, endpoint: str) -> None:
    """Print an AWS profile (for ~/.aws/config) of a stage."""
    environment = find(Api(endpoint, DEFAULT_ACCOUNT, DEFAULT_REGION), stage)
    if is_shell:
        for name, value in environment.variables(endpoint, region).items():
            click.echo(f"export {name}={value}")
    else:
        click.echo(environment.profile(endpoint, region), nl=False)
