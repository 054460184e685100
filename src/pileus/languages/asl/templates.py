"""Payload templates: objects in which a key ending in ``.$`` is computed.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-inputpath-params.html
"""

from __future__ import annotations

from typing import Any

from pileus.languages.asl.errors import NoSuchPath, runtime
from pileus.languages.asl.frames import Frame, Reader
from pileus.languages.asl.intrinsics import compile_intrinsic, is_intrinsic
from pileus.languages.asl.json_text import encode
from pileus.languages.asl.jsonpath import compile_path


def compile_template(template: Any) -> Reader:
    """A function that fills a template; parts that are constant are shared, not copied.

    Raises:
        InvalidExpression: when one of its paths or functions cannot be read.
    """
    if not _is_dynamic(template):
        return lambda _data, _frame: template
    if isinstance(template, list):
        elements = [compile_template(each) for each in template]
        return lambda data, frame: [element(data, frame) for element in elements]
    members = [_member(key, value) for key, value in template.items()]
    if len(members) == 1:
        name, only = members[0]
        return lambda data, frame: {name: only(data, frame)}
    return lambda data, frame: {name: reader(data, frame) for name, reader in members}


def compile_value(text: str, field: str) -> Reader:
    """A path or function of a field, failing with the service's sentence.

    Raises:
        InvalidExpression: when it cannot be read.
    """
    if is_intrinsic(text):
        return compile_intrinsic(text)
    reader = compile_path(text)
    told = text[1:] if text.startswith("$$") else text

    def read(data: Any, frame: Frame) -> Any:
        try:
            return reader(data, frame)
        except NoSuchPath as missing:
            if missing.is_past_end:
                return None
            seen = frame.context() if text.startswith("$$") else data
            raise runtime(
                f"The JSONPath '{told}' specified for the field '{field}' could not be found in "
                f"the input '{encode(seen)}'"
            ) from None

    return read


def _is_dynamic(template: Any) -> bool:
    if isinstance(template, dict):
        return any(key.endswith(".$") or _is_dynamic(value) for key, value in template.items())
    return isinstance(template, list) and any(map(_is_dynamic, template))


def _member(key: str, value: Any) -> tuple[str, Reader]:
    if key.endswith(".$"):
        return key[:-2], compile_value(value, key)
    return key, compile_template(value)
