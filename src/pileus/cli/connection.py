"""Options that commands share, and what they mean: which platform, which stage, which service."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from pileus.adapters.clock_system import SystemClock
from pileus.deploy.accounts import DEFAULT_STAGE, environment_of
from pileus.deploy.api import Api, Time
from pileus.deploy.errors import DeployError
from pileus.deploy.local_invocation import unknown_function
from pileus.deploy.service_folder import FILE_NAMES, ServiceFolder, find_file, open_folder
from pileus.languages.serverless import Options
from pileus.values.context import DEFAULT_ENDPOINT, DEFAULT_REGION

TIME = Time(now_ms=SystemClock().now_ms, sleep=time.sleep)

Command = TypeVar("Command", bound=Callable[..., Any])


def _checked_endpoint(context: click.Context, option: click.Parameter, value: str) -> str:
    try:
        parts = urlsplit(value)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number or too high
        is_usable = False
    if not is_usable:
        raise click.BadParameter(f"{value!r} is no address such as {DEFAULT_ENDPOINT}")
    return value


def endpoint_option(command: Command) -> Command:
    """``--endpoint``: where the platform answers."""
    return click.option(
        "--endpoint",
        envvar=["PILEUS_ENDPOINT", "AWS_ENDPOINT_URL"],
        default=DEFAULT_ENDPOINT,
        show_default=True,
        metavar="URL",
        callback=_checked_endpoint,
        help="Where the platform answers; also PILEUS_ENDPOINT or AWS_ENDPOINT_URL.",
    )(command)


def stage_options(command: Command) -> Command:
    """``--stage``, ``--region`` and ``--endpoint``."""
    return _place_options(command, DEFAULT_STAGE, DEFAULT_REGION)


def _place_options(command: Command, stage: str, region: str) -> Command:
    """Where something is; ``stage`` and ``region`` tell what holds where neither is given."""
    command = endpoint_option(command)
    command = click.option("-r", "--region", help=f"Region.  [default: {region}]")(command)
    return click.option(
        "-s",
        "--stage",
        help=f"Stage: an environment, with an account of its own.  [default: {stage}]",
    )(command)


def service_options(command: Command) -> Command:
    """Those, and ``--config`` and ``--param``."""
    command = click.option(
        "--param",
        "params",
        multiple=True,
        metavar="KEY=VALUE",
        help="A value for ${param:KEY}; may be repeated.",
    )(command)
    command = click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The service's file.  [default: serverless.yml in this folder]",
    )(command)
    return _place_options(
        command, f"the file's, else {DEFAULT_STAGE}", f"the service file's, else {DEFAULT_REGION}"
    )


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """``KEY=VALUE`` texts as a mapping.

    Raises:
        click.BadParameter: one of them has no ``=``.
    """
    result = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{text!r}: expected KEY=VALUE", param_hint=option)
        result[key] = value
    return result


def open_service(
    config: Path | None,
    stage: str | None,
    region: str | None,
    params: Sequence[str],
    endpoint: str,
) -> ServiceFolder:
    """The service of ``--config`` or of this folder, for a stage."""
    file = config or find_file(Path.cwd()) or Path(FILE_NAMES[0])
    options = Options(stage, region, pairs(params, "--param"))
    return open_folder(file, options, os.environ, endpoint, TIME)


def open_api(stage: str | None, region: str | None, endpoint: str) -> Api:
    """The account of a stage, without a service's file."""
    account = environment_of(stage or DEFAULT_STAGE).account
    return Api(endpoint, account, region or DEFAULT_REGION)


def function_target(
    name: str,
    config: Path | None,
    stage: str | None,
    region: str | None,
    params: Sequence[str],
    endpoint: str,
) -> tuple[Api, str]:
    """Where a function is deployed and its name there.

    In a service's folder ``name`` is the function's name in the file; elsewhere the deployed one.

    Raises:
        DeployError: the service has no such function.
    """
    if config is None and find_file(Path.cwd()) is None:
        return open_api(stage, region, endpoint), name
    folder = open_service(config, stage, region, params, endpoint)
    plan = folder.service.to_template(folder.options)
    deployed = plan.functions.get(name, name)
    if deployed in plan.functions.values():
        return folder.api, _invoked_name(plan.template, deployed)
    raise DeployError(unknown_function(name, plan))


def _invoked_name(template: Mapping[str, Any], deployed: str) -> str:
    """A durable function is invoked by its alias, as it has no unqualified invocations; one with
    SnapStart as well, as only its versions have snapshots."""
    for resource in template["Resources"].values():
        properties = resource.get("Properties") or {}
        if properties.get("FunctionName") != deployed:
            continue
        if "DurableConfig" in properties:
            return f"{deployed}:durable"
        if "SnapStart" in properties:
            return f"{deployed}:snapstart"
    return deployed


def cache_dir() -> Path:
    """Where installed requirements are kept between deployments."""
    own = os.environ.get("PILEUS_CACHE_DIR")
    shared = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (Path(own) if own else shared / "pileus") / "requirements"


def builds_dir() -> Path:
    """Where builds of images keep their steps and layers."""
    return cache_dir().with_name("builds")
