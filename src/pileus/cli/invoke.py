"""``pileus invoke``: run a function, deployed or here."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from pileus.cli.connection import TIME, cache_dir, function_target, open_service, service_options
from pileus.cli.display import DeploymentDisplay
from pileus.deploy.errors import DeployError
from pileus.deploy.invocation import invoke
from pileus.deploy.local_invocation import LocalInvocation


@click.command("invoke")
@click.argument("where_to", type=click.Choice(["local"]), required=False, metavar="[local]")
@click.option("-f", "--function", "name", required=True, help="The function's name in the file.")
@click.option("-d", "--data", help="The event, as JSON; other text is sent as a string.")
@click.option("-p", "--path", help="A file with the event; - reads standard input.")
@click.option("-l", "--log", "wants_log", is_flag=True, help="Show the end of the function's log.")
@click.option("--async", "is_event", is_flag=True, help="Hand the event over and do not wait.")
@click.option(
    "--durable-execution-name",
    "execution_name",
    default="",
    help="A durable function's execution; the same name begins once.",
)
@click.option("--local", "is_local", is_flag=True, help="Run it here, without deploying.")
@service_options
def command(
    where_to: str | None,
    name: str,
    data: str | None,
    path: str | None,
    wants_log: bool,
    is_event: bool,
    execution_name: str,
    is_local: bool,
    **where: Any,
) -> None:
    """Invoke a function; its result goes to standard output, exit status 1 when it failed.

    Outside a service's folder NAME is the deployed function's full name.

    \b
      pileus invoke -f hello -d '{"name": "you"}'
      pileus invoke -f hello --path event.json --log
      pileus invoke --local -f hello
    """
    event = _event(data, path)
    if is_local or where_to == "local":
        if is_event:
            raise click.UsageError("--async has no meaning with --local")
        _invoke_here(name, event, where)
        return
    api, function = function_target(name, **where)
    answer = invoke(
        api,
        function,
        json.dumps(event).encode(),
        is_event=is_event,
        wants_log=wants_log,
        execution_name=execution_name,
    )
    if is_event:
        click.echo(f"{function} accepted the event", err=True)
        if answer.execution:
            click.echo(answer.execution)
        return
    click.echo(_pretty(answer.payload))
    if answer.log:
        click.echo(f"\n{answer.log.rstrip()}", err=True)
    if answer.error:
        click.echo(f"pileus: {function} failed ({answer.error})", err=True)
        sys.exit(1)


def _event(data: str | None, path: str | None) -> Any:
    if data is not None and path is not None:
        raise click.UsageError("give the event by --data or by --path, not by both")
    if path is not None:
        data = _read(path)
    if data is None:
        return {}
    try:
        return json.loads(data)
    except ValueError:
        return data


def _read(path: str) -> str:
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text()
    except OSError as error:
        raise DeployError(f"{path}: {error.strerror}") from error


def _invoke_here(name: str, event: Any, where: dict[str, Any]) -> None:
    folder = open_service(**where)
    with DeploymentDisplay(is_quiet=True) as display:
        local = LocalInvocation(folder, os.environ, TIME, cache_dir(), display)
        answer = local.run(name, event)
    click.echo(_pretty(answer.payload.encode()))
    click.echo(answer.report, err=True)
    if answer.is_error:
        click.echo(f"pileus: {name} failed", err=True)
        sys.exit(1)


def _pretty(payload: bytes) -> str:
    try:
        return json.dumps(json.loads(payload), indent=4, ensure_ascii=False)
    except ValueError:
        return payload.decode(errors="replace")
