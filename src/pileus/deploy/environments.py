"""Which stages a platform holds: kept in the platform itself, as parameters of its first account.

So every client sees the same list, and it goes with the data folder. A parameter's value is the
stage's account, its description the regions that were deployed to.
"""

from __future__ import annotations

from pileus.deploy.accounts import DEFAULT_STAGE, Environment, environment_of
from pileus.deploy.accounts import ENVIRONMENTS_PREFIX as PREFIX
from pileus.deploy.api import Api
from pileus.deploy.errors import ApiError, DeployError
from pileus.values.context import DEFAULT_ACCOUNT, DEFAULT_REGION


def _home(api: Api) -> Api:
    """Where the list lies, whichever stage and region ``api`` is for."""
    return api.of_account(DEFAULT_ACCOUNT, DEFAULT_REGION)


def register(api: Api, environment: Environment) -> None:
    """Note that a stage is in use in a region. The default stage needs no note."""
    if environment.stage == DEFAULT_STAGE:
        return
    regions = sorted({*_regions(api, environment), api.region})
    _home(api).call(
        "ssm",
        "PutParameter",
        Name=PREFIX + environment.stage,
        Value=environment.account,
        Description=" ".join(regions),
        Type="String",
        Overwrite=True,
    )


def release(api: Api, environment: Environment) -> None:
    """Take a stage off the list when no stack is left in its account."""
    if environment.stage == DEFAULT_STAGE:
        return
    for region in {*_regions(api, environment), api.region}:
        place = api.of_account(environment.account, region)
        if next(place.each("cloudformation", "DescribeStacks", "Stacks"), None) is not None:
            return
    try:
        _home(api).call("ssm", "DeleteParameter", Name=PREFIX + environment.stage)
    except ApiError as error:
        if error.code != "ParameterNotFound":  # other clients than ours note nothing
            raise


def _regions(api: Api, environment: Environment) -> list[str]:
    named = {"Key": "Name", "Option": "Equals", "Values": [PREFIX + environment.stage]}
    found = _home(api).call("ssm", "DescribeParameters", ParameterFilters=[named])["Parameters"]
    return found[0].get("Description", "").split() if found else []


def known(api: Api) -> list[Environment]:
    """The default stage, then every stage that something was deployed to, by name."""
    names = [
        parameter["Name"].removeprefix(PREFIX)
        for parameter in _home(api).each("ssm", "GetParametersByPath", "Parameters", Path=PREFIX)
    ]
    return [environment_of(DEFAULT_STAGE), *(environment_of(name) for name in sorted(names))]


def find(api: Api, stage: str) -> Environment:
    """The stage's environment.

    Raises:
        DeployError: nothing is deployed to such a stage.
    """
    environments = {one.stage: one for one in known(api)}
    if stage not in environments:
        raise DeployError(
            f"there is no environment {stage!r}; there are: {', '.join(environments)}. "
            "Deploying to a stage makes one: pileus deploy --stage NAME"
        )
    return environments[stage]
