"""``pileus deploy``: a serverless.yml or a CloudFormation template onto a platform."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from pileus.cli.connection import (
    TIME,
    cache_dir,
    open_api,
    open_service,
    pairs,
    service_options,
)
from pileus.cli.display import DeploymentDisplay
from pileus.deploy import environments
from pileus.deploy.accounts import DEFAULT_STAGE, environment_of
from pileus.deploy.deployment import Deployed, ServiceDeployment
from pileus.deploy.image_building import Workshop
from pileus.deploy.template_file import deploy_template

_SAID = {"created": "Deployed", "updated": "Updated", "unchanged": "No changes in"}


@click.command("deploy")
@service_options
@click.option("--force", is_flag=True, help="Deploy even when nothing changed.")
@click.option(
    "--template",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A CloudFormation template in place of a service.",
)
@click.option("--stack-name", help="The template's stack.")
@click.option("--parameter", "parameters", multiple=True, metavar="KEY=VALUE", help="Its value.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag of the stack.")
@click.option("--json", "is_json", is_flag=True, help="Print what was deployed as JSON.")
def command(
    template: Path | None,
    stack_name: str | None,
    parameters: Sequence[str],
    tags: Sequence[str],
    is_json: bool,
    force: bool,
    **where: Any,
) -> None:
    """Deploy a service (serverless.yml) or a CloudFormation template.

    Every stage is an environment of its own, in an account of its own, so that the same names live
    side by side.

    \b
      pileus deploy
      pileus deploy --stage prod --param tableSize=large
      pileus deploy --template queue.yaml --stack-name jobs --parameter Depth=3
    """
    if template is None:
        if stack_name or parameters or tags:
            raise click.UsageError("--stack-name, --parameter and --tag go with --template")
        _deploy_service(where, is_forced=force, is_json=is_json)
        return
    if not stack_name:
        raise click.UsageError("--template needs the stack's name: --stack-name jobs")
    named = (stack_name, pairs(parameters, "--parameter"), pairs(tags, "--tag"))
    _deploy_template(template, named, where, is_json=is_json)


def _deploy_service(where: dict[str, Any], *, is_forced: bool, is_json: bool) -> None:
    started_ms = TIME.now_ms()
    folder = open_service(**where)
    with DeploymentDisplay(is_quiet=is_json) as display:

        def workshop() -> Workshop:
            # Lazy on purpose: few services build images, and sandboxes are long to import.
            made: Workshop = import_module("pileus.cli.build_steps").own_workshop(display.detail)
            return made

        work = ServiceDeployment(folder, TIME, cache_dir(), display, workshop)
        deployed = work.run(is_forced=is_forced)
    if is_json:
        click.echo(json.dumps(dataclasses.asdict(deployed), indent=2))
    else:
        _tell(deployed, (TIME.now_ms() - started_ms) / 1000, folder.api.endpoint)


def _tell(deployed: Deployed, took_s: float, endpoint: str) -> None:
    place = f"stage {deployed.stage} (account {deployed.account}, {deployed.region})"
    click.echo(f"{_SAID[deployed.what]} {deployed.stack} in {place}, {took_s:.1f} s")
    width = max(map(len, deployed.functions), default=0)
    for name, full in deployed.functions.items():
        click.echo(f"  {name:<{width}}  {full}")
    shown = {
        name: value
        for name, value in deployed.outputs.items()
        if not name.endswith("LambdaFunctionQualifiedArn")
    }
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        click.echo(f"  {name:<{width}}  {value}")
    _tell_of_tools(deployed.stage, endpoint, deployed.region)


def _tell_of_tools(stage: str, endpoint: str, region: str) -> None:
    if stage != DEFAULT_STAGE:
        variables = environment_of(stage).variables(endpoint, region)
        assigned = " ".join(f"{name}={value}" for name, value in variables.items())
        click.echo(f"  AWS tools work in this environment with: export {assigned}")


def _deploy_template(
    file: Path,
    named: tuple[str, dict[str, str], dict[str, str]],
    where: dict[str, Any],
    *,
    is_json: bool,
) -> None:
    api = open_api(where["stage"], where["region"], where["endpoint"])
    with DeploymentDisplay(is_quiet=is_json) as display:
        outcome = deploy_template(api, TIME, file, named, display)
    environments.register(api, environment_of(where["stage"] or DEFAULT_STAGE))
    if is_json:
        click.echo(json.dumps(dataclasses.asdict(outcome), indent=2))
        return
    click.echo(f"{_SAID[outcome.what]} {named[0]} (account {api.account}, {api.region})")
    for name, value in outcome.outputs.items():
        click.echo(f"  {name}  {value}")
    _tell_of_tools(where["stage"] or DEFAULT_STAGE, api.endpoint, api.region)
