"""Container images of functions: given by their address, or declared under ``provider.ecr.images``.

https://www.serverless.com/framework/docs/providers/aws/guide/functions#referencing-container-image-as-a-target
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pileus.languages.serverless.reading import Reading, is_function

_DECLARED = ("uri", "path", "file", "buildArgs", "buildOptions", "cacheFrom", "platform",
             "provenance")  # fmt: skip
_IGNORED = ("buildOptions", "cacheFrom", "platform", "provenance")
_USED = ("name", "uri", "command", "entryPoint", "workingDirectory")
_CONFIG = {
    "command": "Command",
    "entryPoint": "EntryPoint",
    "workingDirectory": "WorkingDirectory",
}


@dataclass(frozen=True, slots=True)
class ServiceImage:
    """An image that functions of the service run.

    Attributes:
        key: what it is called here: its declared name, or its address.
        uri: its address; empty for one that is built.
        path: folder to build it from, relative to the service's.
        file: the Dockerfile, relative to that folder.
        arguments: values for its ``ARG`` instructions.
    """

    key: str
    uri: str = ""
    path: str = ""
    file: str = "Dockerfile"
    arguments: Mapping[str, str] = field(default_factory=dict)


def plan_images(
    provider: Reading, functions: Mapping[str, Reading]
) -> tuple[tuple[ServiceImage, ...], Mapping[str, str]]:
    """The images that functions run, and each such function's image by its key.

    An address that is a CloudFormation function is neither: nothing is known of it.

    Raises:
        ServiceFileError: no image of that name is declared, or one neither built nor found.
    """
    found: dict[str, ServiceImage] = {}
    keys: dict[str, str] = {}
    for name, function in functions.items():
        place = function["image"]
        if not place:
            continue
        if function["handler"]:
            raise place.error("a function has a handler or an image, not both")
        image = _used(provider, place)
        if image is not None:
            found[image.key] = image
            keys[name] = image.key
    return tuple(found.values()), keys


def image_properties(function: Reading, uri: str | None) -> dict[str, Any]:
    """Properties of a function's resource that tell its image; ``uri`` is its address where that is
    known."""
    image = function["image"]
    own = image["uri"] if isinstance(image.value, dict) and not is_function(image.value) else image
    result: dict[str, Any] = {
        "Code": {"ImageUri": own.text_or_function() if uri is None else uri},
        "PackageType": "Image",
    }
    if own is not image:
        config = {
            target: image[source].value for source, target in _CONFIG.items() if image[source]
        }
        result.update({"ImageConfig": config} if config else {})
    return result


def _used(provider: Reading, place: Reading) -> ServiceImage | None:
    if is_function(place.value):
        return None
    if not isinstance(place.value, dict):
        text = place.text()
        is_name = text in provider["ecr"]["images"].mapping()
        return _declared(provider, place) if is_name else _addressed(place)
    place.check_keys(*_USED)
    name, uri = place["name"], place["uri"]
    if bool(name) == bool(uri):
        raise place.error("expected either name or uri")
    if name:
        return _declared(provider, name)
    return None if is_function(uri.value) else _addressed(uri)


def _addressed(place: Reading) -> ServiceImage:
    uri = place.text()
    if not any(mark in uri for mark in "/:@"):
        raise place.error(f"no image {uri} is declared under provider.ecr.images")
    return ServiceImage(uri, uri)


def _declared(provider: Reading, place: Reading) -> ServiceImage:
    name = place.text(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", "an image's name of lower-case letters")
    declared = provider["ecr"]["images"][name]
    if not declared:
        raise place.error(f"no image {name} is declared under provider.ecr.images")
    if not isinstance(declared.value, dict):
        return ServiceImage(name, declared.text())
    declared.check_keys(*_DECLARED)
    if bool(declared["uri"]) == bool(declared["path"]):
        raise declared.error("expected either uri or path")
    if declared["uri"]:
        return ServiceImage(name, declared["uri"].text())
    for setting in _IGNORED:
        if declared[setting]:
            declared[setting].warn("has no meaning here; ignored")
    arguments = {key: value.text() for key, value in declared["buildArgs"].items()}
    file = declared["file"].optional_text() or "Dockerfile"
    return ServiceImage(name, "", declared["path"].text(), file, arguments)
