"""Settings that are kept for whoever asks, and those that nobody must believe to be taken."""

from __future__ import annotations

import pytest

from pileus.testing.compute import add_function
from pileus.testing.platform import MemoryPlatform

from .conftest import refused

KEY = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"


async def configuration(platform: MemoryPlatform) -> dict:
    return await platform("lambda", "GetFunctionConfiguration", FunctionName="f")


async def test_a_key_is_shown_until_it_is_taken_away(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo", KMSKeyArn=KEY)
    assert (await configuration(platform))["KMSKeyArn"] == KEY
    await platform("lambda", "UpdateFunctionConfiguration", FunctionName="f", Description="d")
    assert (await configuration(platform))["KMSKeyArn"] == KEY
    await platform("lambda", "UpdateFunctionConfiguration", FunctionName="f", KMSKeyArn="")
    assert "KMSKeyArn" not in await configuration(platform)


async def test_lines_in_json_have_levels(platform: MemoryPlatform) -> None:
    await add_function(platform, "f", "app.echo")
    group = {"LogGroup": "/aws/lambda/f"}
    assert (await configuration(platform))["LoggingConfig"] == {"LogFormat": "Text", **group}
    logging = {"LogFormat": "JSON", "SystemLogLevel": "WARN"}
    given = {"FunctionName": "f", "LoggingConfig": logging}
    await platform("lambda", "UpdateFunctionConfiguration", **given)
    assert (await configuration(platform))["LoggingConfig"] == {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": "WARN",
        **group,
    }


@pytest.mark.parametrize(
    "given",
    [
        {
            "FileSystemConfigs": [
                {
                    "Arn": "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/"
                    "fsap-0123456789abcdef0",
                    "LocalMountPath": "/mnt/a",
                }
            ]
        },
        {"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}},
    ],
)
async def test_what_is_not_built_is_refused_by_name(platform: MemoryPlatform, given: dict) -> None:
    code, status, text = await refused(
        platform,
        "CreateFunction",
        FunctionName="f",
        Runtime="python3.12",
        Handler="app.echo",
        Role="arn:aws:iam::000000000000:role/runner",
        Code={"ZipFile": b"x"},
        **given,
    )
    (name,) = given
    assert (code, status) == ("InvalidParameterValueException", 400)
    assert text == f"Pileus does not run functions with {name} yet."
