"""Which stages a platform holds: kept in the platform itself, as parameters of its first account.

So every client sees the same list, and it goes with the data folder.
"""

from __future__ import annotations

from pileus.deploy.accounts import DEFAULT_STAGE, Environment, environment_of
from pileus.deploy.accounts import ENVIRONMENTS_PREFIX as PREFIX
from pileus.deploy.api import Api
from pileus.values.context import DEFAULT_ACCOUNT


def register(api: Api, environment: Environment) -> None:
    """Note that a stage is in use. The default stage needs no note."""
    if environment.stage == DEFAULT_STAGE:
        return
    api.of_account(DEFAULT_ACCOUNT).call(
        "ssm",
        "PutParameter",
        Name=PREFIX + environment.stage,
        Value=environment.account,
        Type="String",
        Overwrite=True,
    )


def known(api: Api) -> list[Environment]:
    """The default stage, then every stage that something was deployed to, by name."""
    names = [
        parameter["Name"].removeprefix(PREFIX)
        for parameter in api.of_account(DEFAULT_ACCOUNT).each(
            "ssm", "GetParametersByPath", "Parameters", Path=PREFIX
        )
    ]
    return [environment_of(DEFAULT_STAGE), *(environment_of(name) for name in sorted(names))]
