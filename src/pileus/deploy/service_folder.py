"""A service's folder on disk: its file found and read, its stage and account known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pileus.deploy.accounts import Environment, environment_of
from pileus.deploy.api import Api, Time
from pileus.deploy.errors import ApiError, DeployError
from pileus.deploy.stacks import Stacks
from pileus.languages.serverless import Options, ServerlessService, Sources, load_file
from pileus.languages.serverless.reading import Reading
from pileus.languages.serverless.variables import Variables

FILE_NAMES = ("serverless.yml", "serverless.yaml", "serverless.json")


@dataclass(frozen=True, slots=True)
class ServiceFolder:
    """A service as it is to be used for one stage.

    Attributes:
        service: its file, able to ask the platform for ``${ssm:}`` and ``${cf:}``.
        api: the stage's account.
    """

    folder: Path
    service: ServerlessService
    options: Options
    environment: Environment
    api: Api

    def root(self) -> Reading:
        """The configuration with its variables resolved."""
        return self.service.resolve(self.options)[0]


def find_file(folder: Path) -> Path | None:
    """The service's file in ``folder``."""
    return next((folder / name for name in FILE_NAMES if (folder / name).is_file()), None)


def open_folder(
    file: Path, options: Options, variables: Mapping[str, str], endpoint: str, time: Time
) -> ServiceFolder:
    """Read a service's file.

    Args:
        file: ``serverless.yml`` itself.
        variables: the process's environment, for ``${env:}``.
        endpoint: where the platform answers; asked only when the file needs it.

    Raises:
        ServiceFileError: the file cannot be used.
    """
    if not file.is_file():
        raise DeployError(
            f"there is no {file}; run in a service's folder, make one with pileus create, "
            "or name the file with --config"
        )
    folder = file.parent

    def read_file(name: str) -> str | None:
        path = folder / name
        return path.read_text() if path.is_file() else None

    plain = load_file(file.name, Sources(read_file=read_file, environment=variables))
    names = Variables(plain.document, plain.file, plain.sources, options)
    environment = environment_of(names.stage)
    api = Api(endpoint, environment.account, names.region)
    sources = Sources(
        read_file=read_file,
        environment=variables,
        parameter=_parameter_reader(api),
        stack_output=_output_reader(api, time),
        account=environment.account,
    )
    service = ServerlessService(plain.file, plain.document, sources, plain.text)
    return ServiceFolder(folder, service, options, environment, api)


def _parameter_reader(api: Api) -> Any:
    def parameter(name: str) -> str | None:
        try:
            answer = api.call("ssm", "GetParameter", Name=name, WithDecryption=True)
        except ApiError as error:
            if error.code == "ParameterNotFound":
                return None
            raise
        value: str = answer["Parameter"]["Value"]
        return value

    return parameter


def _output_reader(api: Api, time: Time) -> Any:
    def stack_output(address: str) -> str | None:
        stack, _, name = address.partition(".")
        return Stacks(api, time).outputs(stack).get(name)

    return stack_output
