"""``pileus remove``: take a deployed service away."""

from __future__ import annotations

from typing import Any

import click

from pileus.cli.connection import TIME, open_api, open_service, service_options
from pileus.cli.display import DeploymentDisplay
from pileus.deploy import environments
from pileus.deploy.accounts import DEFAULT_STAGE, environment_of
from pileus.deploy.removal import remove_stack
from pileus.deploy.service_images import remove_own, repository_of


@click.command("remove")
@service_options
@click.option("--stack-name", help="A stack by name, in place of a service.")
@click.option(
    "--empty-buckets",
    is_flag=True,
    help="Delete what the service's buckets hold; otherwise a bucket with objects is refused.",
)
def command(stack_name: str | None, empty_buckets: bool, **where: Any) -> None:
    """Remove a deployed service: its stack and its packages.

    \b
      pileus remove
      pileus remove --stage prod --empty-buckets
      pileus remove --stack-name jobs
    """
    if stack_name:
        api, stack = open_api(where["stage"], where["region"], where["endpoint"]), stack_name
        repositories = []
        environment = environment_of(where["stage"] or DEFAULT_STAGE)
    else:
        folder = open_service(**where)
        environment = folder.environment
        plan = folder.service.to_template(folder.options)
        api, stack = folder.api, plan.stack.name
        repositories = [repository_of(plan.service, plan.stage)]
    with DeploymentDisplay() as display:
        remove_stack(api, TIME, stack, display, with_contents=empty_buckets)
        for name in remove_own(api, repositories):
            display.detail(f"repository {name} deleted")
    environments.release(api, environment)
    click.echo(f"Removed {stack} (account {api.account}, {api.region})")
