"""Functions of container images in a serverless.yml."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.languages.serverless import ServerlessService, ServiceFileError, ServiceImage, load

from .support import properties, translate

HEAD = """\
service: shop
provider:
  name: aws
  runtime: python3.12
  layers: [arn:aws:lambda:us-east-1:000000000000:layer:x:1]
  ecr:
    images:
      own: {path: ./own, file: Dockerfile.dev, buildArgs: {STAGE: dev, N: 1}}
      plain: {path: plain}
      told: {uri: 000000000000.dkr.ecr.us-east-1.amazonaws.com/told:1}
      short: 000000000000.dkr.ecr.us-east-1.amazonaws.com/short:1
functions:
"""
DIGEST = "sha256:" + "ab" * 32


def service(function: str) -> ServerlessService:
    return load(f"{HEAD}  a: {function}\n")


def plan(function: str) -> dict[str, Any]:
    result = service(function).to_template()
    return {image.key: image for image in result.plan.images}


def test_declared_images() -> None:
    assert plan("{image: {name: own}}") == {
        "own": ServiceImage("own", "", "./own", "Dockerfile.dev", {"STAGE": "dev", "N": "1"})
    }
    assert plan("{image: plain}") == {"plain": ServiceImage("plain", "", "plain")}
    for name in ("told", "short"):
        uri = f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{name}:1"
        assert plan(f"{{image: {name}}}") == {name: ServiceImage(name, uri)}


def test_only_images_that_functions_run_are_planned() -> None:
    assert plan("{handler: a.b}") == {}
    uri = "000000000000.dkr.ecr.us-east-1.amazonaws.com/x@" + DIGEST
    assert plan(f"{{image: '{uri}'}}") == {uri: ServiceImage(uri, uri)}


def test_resolved_images_are_named_by_digest() -> None:
    uri = f"host/repo@{DIGEST}"
    given = service(
        "{image: {name: own, command: [app.x], entryPoint: [/e], workingDirectory: /w}}"
    )
    result = given.to_template(images={"own": uri})
    found = properties(result, "ALambdaFunction")
    assert found["Code"] == {"ImageUri": uri} and found["PackageType"] == "Image"
    assert found["ImageConfig"] == {
        "Command": ["app.x"], "EntryPoint": ["/e"], "WorkingDirectory": "/w",
    }  # fmt: skip
    assert not {"Runtime", "Handler", "Layers"} & found.keys()
    versions = [
        body["Properties"] for body in result.template["Resources"].values()
        if body["Type"] == "AWS::Lambda::Version"
    ]  # fmt: skip
    assert versions[0]["CodeSha256"] == DIGEST.removeprefix("sha256:")
    other = given.to_template(images={"own": uri.replace("ab", "cd")})
    assert other.template["Resources"].keys() != result.template["Resources"].keys(), (
        "another image is another version"
    )


def test_an_address_may_be_left_to_the_stack() -> None:
    text = "service: s\nprovider: {name: aws}\nfunctions: {a: {image: {uri: !Sub '${R}:1'}}}\n"
    result = translate(text)
    assert properties(result, "ALambdaFunction")["Code"] == {"ImageUri": {"Fn::Sub": "${R}:1"}}
    assert result.plan.images == ()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("{image: none}", "functions.a.image: no image none is declared under provider.ecr.images"),
        ("{image: {name: none}}", "functions.a.image.name: no image none is declared"),
        ("{image: {command: [x]}}", "functions.a.image: expected either name or uri"),
        ("{image: {name: own, uri: a/b}}", "functions.a.image: expected either name or uri"),
        ("{image: own, handler: a.b}", "functions.a.image: a function has a handler or an image, not both"),
        ("{image: {name: Own}}", "functions.a.image.name: expected an image's name of lower-case letters"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(function: str, message: str) -> None:
    with pytest.raises(ServiceFileError) as caught:
        service(function).to_template()
    assert message in str(caught.value)


def test_what_has_no_meaning_here_is_told() -> None:
    text = HEAD.replace("plain: {path: plain}", "plain: {path: plain, platform: linux/arm64}")
    result = load(text + "  a: {image: plain}\n").to_template()
    assert any("platform: has no meaning here" in warning for warning in result.warnings)
