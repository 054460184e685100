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
from pileus.languages.asl.states import Distribution, Mapping
from pileus.languages.asl.templates import compile_template


def compile_mapping(given: Fields[str, Any], block: int, *, is_jsonata: bool) -> Mapping:
    """The part of a Map state that tells about its items.

    Args:
        block: the number of its processor.
    """
    processor = given.get("ItemProcessor", given.get("Iterator", {}))
    config = processor.get("ProcessorConfig", {})
    # The older spelling of ItemSelector.
    selector = given.get("ItemSelector", None if is_jsonata else given.get("Parameters"))
    batcher = given.get("ItemBatcher", {})
    return Mapping(
        block,
        None if "ItemReader" in given else _items(given, is_jsonata=is_jsonata),
        _filled(selector, "ItemSelector", is_jsonata=is_jsonata),
        compile_number(given, "MaxConcurrency", is_jsonata=is_jsonata),
        compile_number(batcher, "MaxItemsPerBatch", is_jsonata=is_jsonata),
        compile_number(batcher, "MaxInputBytesPerBatch", is_jsonata=is_jsonata),
        _filled(batcher.get("BatchInput"), "ItemBatcher/BatchInput", is_jsonata=is_jsonata),
        _distribution(given, config, is_jsonata=is_jsonata)
        if config.get("Mode") == "DISTRIBUTED"
        else None,
    )


def _filled(template: Any, field: str, *, is_jsonata: bool) -> Reader | None:
    if template is None:
        return None
    return compile_jsonata(template, field) if is_jsonata else compile_template(template)


def _distribution(
    given: Fields[str, Any], config: Fields[str, Any], *, is_jsonata: bool
) -> Distribution:
    reader = given.get("ItemReader")
    reading = {} if reader is None else reader.get("ReaderConfig", {})
    return Distribution(
        config["ExecutionType"],
        _filled(reader, "ItemReader", is_jsonata=is_jsonata),
        compile_number(reading, "MaxItems", is_jsonata=is_jsonata),
        _filled(given.get("ResultWriter"), "ResultWriter", is_jsonata=is_jsonata),
        compile_number(given, "ToleratedFailureCount", is_jsonata=is_jsonata),
        compile_number(given, "ToleratedFailurePercentage", is_jsonata=is_jsonata),
        given.get("Label"),
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
