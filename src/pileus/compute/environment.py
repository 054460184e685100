"""The environment variables of a function, as AWS defines them. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pileus.values.context import DEFAULT_ENDPOINT

RESERVED = frozenset(
    {
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_DOTNET_PREJIT",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_MAX_CONCURRENCY",
        "AWS_LAMBDA_METADATA_API",
        "AWS_LAMBDA_METADATA_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SECRET_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
    }
)
"""Variables that a function's configuration may not set."""

_IMAGE_DEFAULTS = {
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "LAMBDA_TASK_ROOT": "/var/task",
    "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
}


class Identity(msgspec.Struct, frozen=True):
    """What a function learns about itself from its environment."""

    function_name: str
    version: str
    region: str
    runtime: str
    handler: str
    memory_mb: int
    log_group: str
    initialization: str = "on-demand"
    log_format: str = "Text"
    log_level: str = ""


def variables(
    identity: Identity,
    configured: Mapping[str, str],
    credentials: Mapping[str, str],
    endpoint: str = DEFAULT_ENDPOINT,
    image: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Everything but what only the node knows (paths) and the log stream.

    Args:
        configured: the function's own variables; they win over defaults that AWS lets them set.
        credentials: ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_SESSION_TOKEN`` of
            the role.
        endpoint: where AWS SDKs inside find this platform.
        image: what the container image sets, for a function that runs one; its own variables win.
    """
    reserved = {
        "AWS_DEFAULT_REGION": identity.region,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(identity.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": identity.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": identity.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": identity.initialization,
        "AWS_LAMBDA_LOG_GROUP_NAME": identity.log_group,
        "AWS_REGION": identity.region,
        "_HANDLER": identity.handler,
    }
    if identity.log_format == "JSON":
        reserved["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
    if identity.log_level:
        reserved["AWS_LAMBDA_LOG_LEVEL"] = identity.log_level
    defaults = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "TZ": ":UTC",
        **_surroundings(identity.runtime, image),
    }
    own = {name: value for name, value in configured.items() if name not in RESERVED}
    return {**defaults, **own, **credentials, **reserved}


def _surroundings(runtime: str, image: Mapping[str, str] | None) -> Mapping[str, str]:
    """What comes with the runtime, or with the image, which says itself what is where in it."""
    if image is not None:
        return {**_IMAGE_DEFAULTS, **image}
    execution = runtime.split(".")[0] if _is_custom(runtime) else runtime
    return {"AWS_EXECUTION_ENV": f"AWS_Lambda_{execution}", "LANG": "en_US.UTF-8"}


def _is_custom(runtime: str) -> bool:
    return runtime.startswith("provided")
