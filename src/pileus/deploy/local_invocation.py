"""Running a function here and now, without deploying it: ``pileus invoke --local``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pileus
from pileus.deploy import local_child
from pileus.deploy.api import Time
from pileus.deploy.errors import ApiError, DeployError, PlatformUnreachable
from pileus.deploy.interpreters import Python, python_for
from pileus.deploy.progress import Progress
from pileus.deploy.requirement_layers import requirement_folder
from pileus.deploy.service_folder import ServiceFolder
from pileus.languages.serverless import Translation
from pileus.languages.serverless.names import lambda_id

_NEWLY_UNICODE_MINOR = 12
_REQUEST_ID = "00000000-0000-0000-0000-000000000000"
"""There is one invocation, so that its id may be the same each time."""


@dataclass(frozen=True, slots=True)
class LocalAnswer:
    """What the handler came to; times in milliseconds."""

    payload: str
    is_error: bool
    init_ms: float
    duration_ms: float
    peak_mb: int
    memory_mb: int

    @property
    def report(self) -> str:
        """One line, as the platform's log has it after each invocation."""
        billed = max(1, -int(-self.duration_ms // 1))
        return (
            f"REPORT Duration: {self.duration_ms:.2f} ms\tBilled Duration: {billed} ms\t"
            f"Memory Size: {self.memory_mb} MB\tMax Memory Used: {self.peak_mb} MB\t"
            f"Init Duration: {self.init_ms:.2f} ms"
        )


class LocalInvocation:
    """Runs functions of one service.

    Args:
        variables: the process's environment, which the function sees below its own.
        cache_dir: where installed requirements are kept.
    """

    def __init__(
        self,
        folder: ServiceFolder,
        variables: Mapping[str, str],
        time: Time,
        cache_dir: Path,
        progress: Progress,
    ) -> None:
        self._folder = folder
        self._variables = variables
        self._time = time
        self._cache_dir = cache_dir
        self._progress = progress

    def run(self, name: str, event: Any) -> LocalAnswer:
        """Run function ``name`` (of the file) with ``event``.

        Raises:
            DeployError: no such function, another language than Python, or past its timeout.
        """
        plan = self._folder.service.to_template(self._folder.options)
        if name not in plan.functions:
            raise DeployError(unknown_function(name, plan))
        properties = plan.template["Resources"][lambda_id(name)]["Properties"]
        python = python_for(properties.get("Runtime", ""))
        if python is None:
            raise DeployError(
                f"functions.{name}: {properties.get('Runtime', 'an image')} does not run locally; "
                "only Python does"
            )
        libraries = requirement_folder(
            self._folder.folder,
            self._folder.root(),
            plan.plan.requirements,
            python,
            (self._cache_dir, self._progress),
        )
        environment = self._environment(plan, properties, libraries)
        try:
            return self._run(python, properties, environment, event)
        except subprocess.TimeoutExpired as error:
            raise DeployError(
                f"functions.{name}: Task timed out after {error.timeout:.2f} seconds"
            ) from error

    def _run(
        self, python: Python, properties: Mapping[str, Any], environment: dict[str, str], event: Any
    ) -> LocalAnswer:
        timeout_s = properties["Timeout"]
        reading, writing = os.pipe()
        order = {
            "handler": properties["Handler"],
            "event": event,
            "request_id": _REQUEST_ID,
            "deadline_ms": self._time.now_ms() + timeout_s * 1000,
            "arn": environment["PILEUS_FUNCTION_ARN"],
            "is_ascii": python.minor < _NEWLY_UNICODE_MINOR,
            "answer_descriptor": writing,
        }
        with os.fdopen(reading) as answer:
            try:
                done = subprocess.run(
                    [python.executable, str(local_child.__file__)],
                    cwd=self._folder.folder,
                    env=environment,
                    input=json.dumps(order).encode(),
                    # The result alone belongs on our standard output.
                    stdout=sys.stderr,
                    pass_fds=(writing,),
                    timeout=timeout_s,
                )
            finally:
                os.close(writing)
            told = answer.read()
        if not told:
            raise DeployError(f"the function's process ended with status {done.returncode}")
        return LocalAnswer(memory_mb=properties["MemorySize"], **json.loads(told))

    def _environment(
        self, plan: Translation, properties: Mapping[str, Any], libraries: Path | None
    ) -> dict[str, str]:
        api, name = self._folder.api, properties["FunctionName"]
        folder = self._folder.folder.resolve()
        paths = [folder, *([libraries] if libraries else []), Path(pileus.__file__).parent.parent]
        own = self._own_variables(properties)
        return {
            **self._variables,
            **self._folder.environment.variables(api.endpoint, plan.region),
            "AWS_REGION": plan.region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{properties['Runtime']}",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(properties["MemorySize"]),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
            "LAMBDA_TASK_ROOT": str(folder),
            "_HANDLER": properties["Handler"],
            "IS_LOCAL": "true",
            "PILEUS_FUNCTION_ARN": f"arn:aws:lambda:{plan.region}:{api.account}:function:{name}",
            "PYTHONPATH": ":".join(str(path) for path in paths),
            "PYTHONUNBUFFERED": "1",
            **own,
        }

    def _own_variables(self, properties: Mapping[str, Any]) -> dict[str, str]:
        """The function's variables; those that only a stack knows come from the deployed one."""
        wanted = (properties.get("Environment") or {}).get("Variables") or {}
        own = {name: value for name, value in wanted.items() if isinstance(value, str)}
        missing = [name for name in wanted if name not in own]
        if missing:
            deployed = self._deployed_variables(properties["FunctionName"])
            own.update({name: deployed[name] for name in missing if name in deployed})
            for name in missing:
                if name not in own:
                    self._progress.warn(f"{name} is not set: its value is known once deployed")
        return own

    def _deployed_variables(self, function: str) -> dict[str, str]:
        try:
            found = self._folder.api.call(
                "lambda", "GetFunctionConfiguration", FunctionName=function
            )
        except (ApiError, PlatformUnreachable):
            return {}
        variables: dict[str, str] = found.get("Environment", {}).get("Variables", {})
        return variables


def unknown_function(name: str, plan: Translation) -> str:
    """The complaint about a name that the file does not have."""
    known = ", ".join(plan.functions) or "none"
    return f"the service {plan.service} has no function {name!r}; it has: {known}"
