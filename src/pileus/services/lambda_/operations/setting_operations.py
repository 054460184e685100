"""Settings of functions that change nothing here.

https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionRecursionConfig.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.lambda_ import store


@write
def put_function_recursion_config(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what is to become of recursive loops; nothing here looks for them."""
    function = store.find_function(call, request["FunctionName"])
    function.recursion = request["RecursiveLoop"]
    store.put_function(call.state, function)
    return {"RecursiveLoop": function.recursion}


@read
def get_function_recursion_config(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """What is to become of recursive loops."""
    return {"RecursiveLoop": store.find_function(call, request["FunctionName"]).recursion}


@read
def get_runtime_management_config(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """There is one version of each runtime, so nothing else than Auto has a meaning."""
    name, qualifier = store.split(request)
    function = store.find_function(call, name, qualifier)
    store.configuration(call, function, qualifier)
    arn = store.arn_of(call, name, qualifier)
    return {"UpdateRuntimeOn": "Auto", "FunctionArn": arn}
