"""Code that a template names by a folder beside it: packed, and told by where it lies in a bucket.

As ``aws cloudformation package`` does it:
https://docs.aws.amazon.com/cli/latest/reference/cloudformation/package.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pileus.deploy.errors import DeployError
from pileus.deploy.packaging import Package, has_module, pack
from pileus.languages.serverless import Artifact
from pileus.languages.serverless.packaging import DEFAULT_EXCLUDES

_PROPERTIES = {"AWS::Lambda::Function": "Code", "Pileus::Media::Engine": "CodeUri"}
"""By resource type, where a template may name a folder or a zip."""
_REMOTE = ("s3://", "http://", "https://")


@dataclass(frozen=True, slots=True)
class LocalCode:
    """The packages of a template's resources, by logical id; equal paths share one."""

    packages: Mapping[str, Package]

    def placed(self, template: Mapping[str, Any], bucket: Any, keys: Mapping[str, str]) -> Any:
        """The template with ``Code: {S3Bucket, S3Key}`` in the place of paths.

        Args:
            bucket: a name, or an intrinsic function.
            keys: object keys by logical id.
        """
        resources = dict(template.get("Resources") or {})
        for logical_id in self.packages:
            resource = resources[logical_id]
            without = _PROPERTIES[resource["Type"]]
            properties = {k: v for k, v in resource["Properties"].items() if k != without}
            properties["Code"] = {"S3Bucket": bucket, "S3Key": keys[logical_id]}
            resources[logical_id] = {**resource, "Properties": properties}
        return {**template, "Resources": resources}


def pack_local_code(
    template: Any, root: Path, scratch: Path, unpacked: tuple[str, ...] = ()
) -> LocalCode:
    """Pack every folder that a resource names, relative to ``root``; a zip is taken as it is.

    Args:
        scratch: where zips are written.
        unpacked: names of files in ``root`` itself that are no code, such as the template.

    Raises:
        DeployError: a folder is missing or holds nothing, a file is no zip, or a Python handler's
            module is not in the package.
        PackageTooLarge: more than 250 MB unzipped.
    """
    by_path: dict[Path, Package] = {}
    packages: dict[str, Package] = {}
    for logical_id, path, handler in _named(template):
        where = (root / path).resolve()
        if where not in by_path:
            excluded = unpacked if where == root.resolve() else ()
            try:
                by_path[where] = _packed(logical_id, where, scratch, excluded)
            except FileNotFoundError as error:
                raise DeployError(f"{logical_id}: {path} does not exist below {root}") from error
        packages[logical_id] = by_path[where]
        module = handler.rpartition(".")[0].replace(".", "/")
        if module and not has_module(by_path[where].names, module):
            raise DeployError(
                f"{logical_id}: Handler {handler}: {path} has no {module}.py; "
                "the handler is <module>.<function>"
            )
    return LocalCode(packages)


def _named(template: Any) -> list[tuple[str, str, str]]:
    """Logical id, path and Python handler of the resources that name local code."""
    resources = template.get("Resources") if isinstance(template, Mapping) else None
    found = []
    for logical_id, resource in resources.items() if isinstance(resources, Mapping) else ():
        if not isinstance(resource, Mapping) or resource.get("Type") not in _PROPERTIES:
            continue
        properties = resource.get("Properties")
        if not isinstance(properties, Mapping):
            continue
        path = properties.get(_PROPERTIES[resource["Type"]])
        if not isinstance(path, str) or path.startswith(_REMOTE):
            continue
        handler, runtime = properties.get("Handler"), properties.get("Runtime", "python")
        is_python = isinstance(handler, str) and str(runtime).startswith("python")
        found.append((logical_id, path, str(handler) if is_python else ""))
    return found


def _packed(name: str, where: Path, scratch: Path, excluded: tuple[str, ...]) -> Package:
    if not where.exists():
        raise FileNotFoundError(where)
    file = f"{name}.zip"
    if where.is_file():
        return pack(Artifact(file, file, ready_made=str(where)), where.parent, scratch)
    patterns = DEFAULT_EXCLUDES + tuple(f"!{each}" for each in excluded)
    return pack(Artifact(file, file, patterns=patterns, root="."), where, scratch)
