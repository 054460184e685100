"""What a Map state iterates over, and how.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-map.html
"""

from __future__ import annotations

from collections.abc import Mapping as Fields
from typing import Any

from pileus.languages.asl.data_flow import compile_filter_path, compile_number
from pileus.languages.asl.errors import runtime
from pileus.languages.asl.frames import Frame, Reader
from pileus.languages.asl.jsonata import Expression, compile_jsonata
from pileus.languages.asl.states import Mapping
from pileus.languages.asl.templates import compile_template

_DISTRIBUTED = (
    "ItemReader",
    "ResultWriter",
    "Label",
    "ToleratedFailureCount",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentage",
    "ToleratedFailurePercentagePath",
)


def compile_mapping(given: Fields[str, Any], block: int, *, is_jsonata: bool) -> Mapping:
    """The part of a Map state that tells about its items.

    Args:
        block: the number of its processor.
    """
    processor = given.get("ItemProcessor", given.get("Iterator", {}))
    config = processor.get("ProcessorConfig", {})
    is_distributed = config.get("Mode") == "DISTRIBUTED"
    # The older spelling of ItemSelector.
    selector = given.get("ItemSelector", None if is_jsonata else given.get("Parameters"))
    batcher = given.get("ItemBatcher", {})
    compiled = (
        compile_jsonata(selector, "ItemSelector") if is_jsonata else compile_template(selector)
    )
    batch_input = batcher.get("BatchInput")
    return Mapping(
        block,
        None if "ItemReader" in given else _items(given, is_jsonata=is_jsonata),
        None if selector is None else compiled,
        compile_number(given, "MaxConcurrency", is_jsonata=is_jsonata),
        compile_number(batcher, "MaxItemsPerBatch", is_jsonata=is_jsonata),
        compile_number(batcher, "MaxInputBytesPerBatch", is_jsonata=is_jsonata),
        None
        if batch_input is None
        else compile_jsonata(batch_input, "ItemBatcher/BatchInput")
        if is_jsonata
        else compile_template(batch_input),
        {**{key: given[key] for key in _DISTRIBUTED if key in given}, "ProcessorConfig": config}
        if is_distributed
        else None,
    )


def _items(given: Fields[str, Any], *, is_jsonata: bool) -> Reader:
    if is_jsonata:
        items = compile_jsonata(given["Items"], "Items") if "Items" in given else None
        return _expression_items(items)
    path = given.get("ItemsPath", "$")
    reader = compile_filter_path(path)

    def read(data: Any, frame: Frame) -> Any:
        found = data if reader is None else reader(data, frame)
        if not isinstance(found, list):
            raise runtime(f'Reference path "{path}" must point to array.')
        return found

    return read


def _expression_items(items: Reader | None) -> Reader:
    def read(data: Any, frame: Frame) -> Any:
        found = data["input"] if items is None else items(data, frame)
        if not isinstance(found, list):
            if isinstance(items, Expression):
                raise items.wrong_type("array", found)
            raise runtime("Items must be an array.")
        return found

    return read
