"""The program of a container image takes the worker's place.

What is wrong with it is told in the words of Lambda, whose agent is written in Go:
https://github.com/aws/aws-lambda-runtime-interface-emulator
"""

from __future__ import annotations

import errno
import os
from typing import Any, NoReturn

INVALID_ENTRYPOINT = "Runtime.InvalidEntrypoint"
INVALID_WORKING_DIR = "Runtime.InvalidWorkingDir"


class CannotLaunch(Exception):
    """The program cannot be started.

    Attributes:
        error_type: what Lambda calls the mistake.
    """

    def __init__(self, error_type: str, detail: str) -> None:
        super().__init__(detail)
        self.error_type = error_type


def launch(image: dict[str, Any], environment: dict[str, str]) -> NoReturn:
    """Become the program of ``image`` (``entrypoint``, ``command``, ``working_dir``).

    Raises:
        CannotLaunch: there is no such program, or no such folder to start it in.
    """
    _go_to(image["working_dir"] or "/")
    command = [*image["entrypoint"], *image["command"]]
    if not command:
        raise CannotLaunch(INVALID_ENTRYPOINT, "Couldn't find valid bootstrap(s): []")
    if "/" in command[0]:
        _execute(command[0], command, environment)
    for folder in environment.get("PATH", "").split(":"):
        candidate = f"{folder or '.'}/{command[0]}"
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            _execute(candidate, command, environment)
    told = f'exec: "{command[0]}": executable file not found in $PATH'
    raise CannotLaunch(INVALID_ENTRYPOINT, told)


def _go_to(folder: str) -> None:
    if not folder.startswith("/"):
        told = f"the working directory '{folder}' is invalid, it needs to be an absolute path"
        raise CannotLaunch(INVALID_WORKING_DIR, told)
    try:
        os.chdir(folder)
    except OSError as error:
        told = f"chdir {folder}: {_reason(error)}"
        if error.errno == errno.ENOENT:
            told = f"the working directory doesn't exist: {folder}"
        raise CannotLaunch(INVALID_WORKING_DIR, told) from error


def _execute(program: str, command: list[str], environment: dict[str, str]) -> NoReturn:
    try:
        os.execve(program, command, environment)
    except OSError as error:
        told = f"fork/exec {program}: {_reason(error)}"
        raise CannotLaunch(INVALID_ENTRYPOINT, told) from error


def _reason(error: OSError) -> str:
    return os.strerror(error.errno or 0).lower()
