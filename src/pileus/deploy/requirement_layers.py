"""Gives a service's Python functions their requirements as layers of the same stack."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pileus.deploy.errors import DeployError
from pileus.deploy.interpreters import Python, python_for
from pileus.deploy.packaging import Package
from pileus.deploy.progress import Progress
from pileus.deploy.requirements import (
    RequirementFile,
    check_host,
    is_met,
    layer,
    read,
    unpacked,
)
from pileus.languages.serverless import Requirements
from pileus.languages.serverless.names import lambda_id
from pileus.languages.serverless.reading import Reading

LAYER_ID = "PythonRequirementsLambdaLayer"
"""The name that serverless-python-requirements uses."""
_HOST = {
    "Fn::Sub": "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:layer:pileus-host:1"
}
"""The environment that Pileus runs in, which the Lambda room knows under this name."""
LAYERS_MAX = 5
"""https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html"""
_WITHOUT_EFFECT = ("dockerizePip", "zip", "slim", "strip", "usePipenv", "usePoetry", "vendor")


@dataclass(frozen=True, slots=True)
class RequirementLayer:
    """A layer and the functions that get it, by their names in the file."""

    logical_id: str
    package: Package
    functions: tuple[str, ...]
    python: Python


@dataclass(frozen=True, slots=True)
class Layers:
    """How a service's functions get their requirements.

    Attributes:
        made: packed ones.
        on_host: functions that see the environment Pileus runs in instead.
        host_digest: of what they require; empty without such functions.
    """

    made: tuple[RequirementLayer, ...] = ()
    on_host: tuple[str, ...] = ()
    host_digest: str = ""


def make_layers(
    folder: Path,
    root: Reading,
    requirements: Requirements,
    runtimes: Mapping[str, str],
    cache_dir: Path,
    progress: Progress,
) -> Layers:
    """The layers a service needs; none without a requirements.txt, or when it says so.

    ``custom.pileus.requirements`` is ``layer`` (the default), ``host`` (the platform's own
    environment has exactly these versions, nothing is packed), ``host-else-layer`` or ``none``.

    Args:
        runtimes: runtime by function, for those that are packed.

    Raises:
        RequirementsError: they cannot be had.
        ServiceFileError: the setting has another value.
    """
    mode = _mode(root)
    path = folder / requirements.file_name
    if mode == "none" or not path.is_file():
        if requirements.is_asked and mode != "none":
            progress.warn(f"{requirements.file_name} does not exist; nothing is installed")
        return Layers()
    file = read(path, requirements.excluded)
    for name in _WITHOUT_EFFECT:
        if requirements.settings.get(name):
            progress.warn(f"custom.pythonRequirements.{name} has no effect here")
    if not file.lines:
        return Layers()
    groups = _by_interpreter(runtimes)
    if mode == "host":
        check_host(file)
    if mode == "host" or (mode == "host-else-layer" and _is_met(file, groups)):
        return Layers((), tuple(name for _, names in groups for name in names), file.digest)
    result: list[RequirementLayer] = []
    for python, names in groups:
        progress.step(f"Requirements for python3.{python.minor}")
        package = layer(file, python, cache_dir, progress.detail)
        logical_id = LAYER_ID if not result else f"{LAYER_ID}3{python.minor}"
        result.append(RequirementLayer(logical_id, package, tuple(names), python))
    return Layers(tuple(result))


def _is_met(file: RequirementFile, groups: list[tuple[Python, list[str]]]) -> bool:
    return is_met(file) and all(python.is_own for python, _ in groups)


def requirement_folder(
    folder: Path,
    root: Reading,
    requirements: Requirements,
    python: Python,
    effects: tuple[Path, Progress],
) -> Path | None:
    """A folder with the requirements for running a function without deploying it.

    None when there are none, or the interpreter has them already.

    Args:
        effects: the folder where they are kept, and who is told.

    Raises:
        RequirementsError: they cannot be had.
    """
    cache_dir, progress = effects
    path = folder / requirements.file_name
    if _mode(root) == "none" or not path.is_file():
        return None
    file = read(path, requirements.excluded)
    if not file.lines or (python.is_own and is_met(file)):
        return None
    return unpacked(layer(file, python, cache_dir, progress.detail), cache_dir)


def _mode(root: Reading) -> str:
    setting = root["custom"]["pileus"]["requirements"]
    return setting.one_of("layer", "host", "host-else-layer", "none") if setting else "layer"


def _by_interpreter(runtimes: Mapping[str, str]) -> list[tuple[Python, list[str]]]:
    groups: dict[Python, list[str]] = {}
    for name, runtime in runtimes.items():
        python = python_for(runtime)
        if python is not None:
            groups.setdefault(python, []).append(name)
    return list(groups.items())


def attach(template: dict[str, Any], layers: Layers, keys: Mapping[str, str]) -> str:
    """Add the layers to ``template`` and to their functions; the template as JSON text.

    Versions of functions whose layers changed get another logical id: a version is a snapshot,
    and without a new one the change would not be published.

    Args:
        keys: object key by logical id.

    Raises:
        DeployError: a function would have more than five layers.
    """
    resources = template["Resources"]
    renamed: dict[str, str] = {}
    for name in layers.on_host:
        _attach_to(resources, name, _HOST)
        renamed.update(_new_version_ids(resources, name, layers.host_digest))
    for one in layers.made:
        first = resources[lambda_id(one.functions[0])]["Properties"]
        resources[one.logical_id] = {
            "Type": "AWS::Lambda::LayerVersion",
            "Properties": {
                "LayerName": f"python-requirements-3-{one.python.minor}-{one.package.digest[:12]}",
                "Description": "Python requirements, installed by pileus deploy",
                "Content": {
                    "S3Bucket": first["Code"]["S3Bucket"],
                    "S3Key": keys[one.logical_id],
                },
            },
        }
        for name in one.functions:
            _attach_to(resources, name, {"Ref": one.logical_id})
            renamed.update(_new_version_ids(resources, name, one.package.digest))
    text = json.dumps(template, sort_keys=True)
    for old, new in renamed.items():
        text = text.replace(old, new)
    return text


def _attach_to(resources: dict[str, Any], name: str, layer: dict[str, Any]) -> None:
    properties = resources[lambda_id(name)]["Properties"]
    present = properties.get("Layers") or []
    if layer in present:
        return
    properties["Layers"] = [*present, layer]
    if len(properties["Layers"]) > LAYERS_MAX:
        raise DeployError(
            f"functions.{name}: with its requirements it would have {len(properties['Layers'])} "
            f"layers, and AWS allows {LAYERS_MAX}; set custom.pileus.requirements: host or none"
        )


def _new_version_ids(resources: Mapping[str, Any], name: str, digest: str) -> dict[str, str]:
    own = {"Ref": lambda_id(name)}
    stem = lambda_id(name).removesuffix("Function") + "Version"
    return {
        old: stem + hashlib.sha256(f"{old}{digest}".encode()).hexdigest()[:44]
        for old, body in resources.items()
        if body["Type"] == "AWS::Lambda::Version" and body["Properties"]["FunctionName"] == own
    }
