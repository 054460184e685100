"""Which artifacts a service consists of and what goes into each; packing them is deploy's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pileus.languages.serverless.images import ServiceImage, plan_images
from pileus.languages.serverless.reading import Reading

DEFAULT_EXCLUDES = (
    "!.git/**",
    "!.gitignore",
    "!.DS_Store",
    "!npm-debug.log",
    "!yarn-*.log",
    "!.env*",
    "!.serverless/**",
    "!.serverless_plugins/**",
    "!.pileus/**",
    "!**/__pycache__/**",
)


@dataclass(frozen=True, slots=True)
class Requirements:
    """Python requirements to install into an artifact.

    Attributes:
        file_name: relative to the service's folder.
        excluded: package names that are not installed.
        is_asked: the requirements plugin is listed, so a missing file is worth a word.
        settings: the plugin's settings as given.
    """

    file_name: str = "requirements.txt"
    excluded: tuple[str, ...] = ()
    is_asked: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Artifact:
    """One zip.

    Attributes:
        name: ``service.zip``, ``function.zip`` or ``layer.zip``; the key into code hashes.
        key: the object key it is deployed under.
        functions: the functions that run it; empty for a layer.
        patterns: globs in order, ``!`` excludes; a file is in if the last match includes it,
            and files that nothing matches are in.
        root: the folder that is packed, relative to the service's.
        ready_made: a zip that exists already, relative to the service's folder.
    """

    name: str
    key: str
    functions: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    root: str = "."
    ready_made: str | None = None


@dataclass(frozen=True, slots=True)
class PackagePlan:
    """Every artifact of a deployment, under one folder of the deployment bucket, and its images.

    Attributes:
        function_images: keys of ``images`` by function.
    """

    artifacts: tuple[Artifact, ...]
    folder: str
    requirements: Requirements
    images: tuple[ServiceImage, ...] = ()
    function_images: Mapping[str, str] = field(default_factory=dict)

    def of_function(self, name: str) -> Artifact | None:
        """The artifact a function runs; None for one that runs an image."""
        return next((item for item in self.artifacts if name in item.functions), None)

    def of_layer(self, name: str) -> Artifact:
        """The artifact of a layer of the service."""
        wanted = f"{name}.zip"
        return next(item for item in self.artifacts if not item.functions and item.name == wanted)


def plan_package(
    root: Reading, service: str, folder: str, functions: Mapping[str, Reading]
) -> PackagePlan:
    """Read ``package``, ``layers`` and the functions' own ``package``.

    Raises:
        ServiceFileError: a pattern that is no text, a layer without a path.
    """
    package = root["package"]
    package.check_keys("patterns", "individually", "artifact", "include", "exclude", "path",
                       "excludeDevDependencies")  # fmt: skip
    shared = DEFAULT_EXCLUDES + (f"!{root.file}",) + _layer_excludes(root) + _patterns(package)
    all_alone = package["individually"].boolean(False)
    service_zip = package["artifact"].optional_text()
    artifacts, together = [], []
    for name, function in functions.items():
        if function["image"]:
            continue
        own = function["package"]
        own.check_keys("patterns", "individually", "artifact", "include", "exclude")
        ready = own["artifact"].optional_text()
        if ready or (all_alone and not service_zip) or own["individually"].boolean(False):
            file = f"{name}.zip"
            artifacts.append(
                Artifact(file, f"{folder}/{file}", (name,), shared + _patterns(own), ".", ready)
            )
        else:
            together.append(name)
    if together:
        file = f"{service}.zip"
        only = _patterns(functions[together[0]]["package"]) if len(together) == 1 else ()
        for name in together if not only else []:
            if functions[name]["package"]["patterns"]:
                functions[name]["package"].warn("patterns count only with individually: true")
        artifacts.append(
            Artifact(file, f"{folder}/{file}", tuple(together), shared + only, ".", service_zip)
        )
    images, keys = plan_images(root["provider"], functions)
    every = tuple(artifacts + _layers(root, folder))
    return PackagePlan(every, folder, _requirements(root), images, keys)


def _patterns(package: Reading) -> tuple[str, ...]:
    excluded = tuple(f"!{item.text()}" for item in package["exclude"].entries())
    included = tuple(item.text() for item in package["include"].entries())
    return excluded + included + tuple(item.text() for item in package["patterns"].entries())


def _layer_excludes(root: Reading) -> tuple[str, ...]:
    paths = [layer["path"].text() for _, layer in root["layers"].items() if layer["path"]]
    return tuple(f"!{path.rstrip('/')}/**" for path in paths)


def _layers(root: Reading, folder: str) -> list[Artifact]:
    result = []
    for name, layer in root["layers"].items():
        own = layer["package"]
        ready = own["artifact"].optional_text()
        path = "." if ready and not layer["path"] else layer["path"].text(what="the layer's folder")
        patterns = _patterns(own)
        result.append(Artifact(f"{name}.zip", f"{folder}/{name}.zip", (), patterns, path, ready))
    return result


def _requirements(root: Reading) -> Requirements:
    settings = root["custom"]["pythonRequirements"] if root["custom"] else root["custom"]
    if not settings:
        return Requirements(is_asked="serverless-python-requirements" in plugin_names(root))
    excluded = tuple(item.text() for item in settings["noDeploy"].entries())
    file_name = settings["fileName"].optional_text() or "requirements.txt"
    return Requirements(file_name, excluded, True, settings.mapping())


def plugin_names(root: Reading) -> list[str]:
    """The names listed under ``plugins``, in either form."""
    plugins = root["plugins"]
    listed = plugins["modules"] if isinstance(plugins.value, dict) else plugins
    return [item.text() for item in listed.entries()]
