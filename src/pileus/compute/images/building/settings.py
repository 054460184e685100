"""Instructions that change how the image is run, and none of its files."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from pileus.compute.images.building.model import StageState
from pileus.languages.dockerfile import Instruction, assignments, exec_form, expand, words

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_CHECK_FLAGS = {
    "interval": "Interval",
    "timeout": "Timeout",
    "start-period": "StartPeriod",
    "start-interval": "StartInterval",
}
Change = Callable[[StageState, Instruction, str], None]
"""``(stage, instruction, escape)``; ValueError for what cannot be meant."""


def _env(stage: StageState, instruction: Instruction, escape: str) -> None:
    before = stage.variables
    for key, text in assignments(instruction.value, escape, has_old_form=True):
        stage.set_environment(expand(key, before, escape), expand(text, before, escape))


def _label(stage: StageState, instruction: Instruction, escape: str) -> None:
    labels = stage.config.setdefault("Labels", {}) or {}
    for key, text in assignments(instruction.value, escape, has_old_form=True):
        labels[expand(key, stage.variables, escape)] = expand(text, stage.variables, escape)
    stage.config["Labels"] = labels


def _maintainer(stage: StageState, instruction: Instruction, escape: str) -> None:
    labels = stage.config.setdefault("Labels", {}) or {}
    labels["maintainer"] = instruction.value
    stage.config["Labels"] = labels


def _user(stage: StageState, instruction: Instruction, escape: str) -> None:
    stage.config["User"] = expand(instruction.value, stage.variables, escape)


def _expose(stage: StageState, instruction: Instruction, escape: str) -> None:
    ports = dict(stage.config.get("ExposedPorts") or {})
    for word in words(instruction.value, escape):
        for port in expand(word, stage.variables, escape).split():
            number, _, protocol = port.partition("/")
            if not re.fullmatch(r"\d{1,5}(-\d{1,5})?", number):
                raise ValueError(f"{port!r} is no port")
            first, _, last = number.partition("-")
            for each in range(int(first), int(last or first) + 1):
                ports[f"{each}/{(protocol or 'tcp').lower()}"] = {}
    stage.config["ExposedPorts"] = dict(sorted(ports.items()))


def _volume(stage: StageState, instruction: Instruction, escape: str) -> None:
    given = exec_form(instruction.value)
    paths = words(instruction.value, escape) if given is None else given
    volumes = dict(stage.config.get("Volumes") or {})
    for path in paths:
        volumes[expand(path, stage.variables, escape)] = {}
    stage.config["Volumes"] = dict(sorted(volumes.items()))


def _stopsignal(stage: StageState, instruction: Instruction, escape: str) -> None:
    stage.config["StopSignal"] = expand(instruction.value, stage.variables, escape)


def _shell(stage: StageState, instruction: Instruction, escape: str) -> None:
    given = exec_form(instruction.value)
    if not given:
        raise ValueError('takes the exec form: ["program", "argument"]')
    stage.shell = tuple(given)
    stage.config["Shell"] = given


def _command(stage: StageState, instruction: Instruction, escape: str) -> None:
    stage.config["Cmd"] = _program(stage, instruction.value)
    stage.has_own_command = True


def _entrypoint(stage: StageState, instruction: Instruction, escape: str) -> None:
    stage.config["Entrypoint"] = _program(stage, instruction.value)
    if not stage.has_own_command:
        # A base's CMD was arguments for the base's entry point.
        stage.config.pop("Cmd", None)


def _program(stage: StageState, value: str) -> list[str]:
    given = exec_form(value)
    return [*stage.shell, value] if given is None else given


def _healthcheck(stage: StageState, instruction: Instruction, escape: str) -> None:
    kind, _, rest = instruction.value.partition(" ")
    if kind.upper() == "NONE":
        stage.config["Healthcheck"] = {"Test": ["NONE"]}
        return
    if kind.upper() != "CMD" or not rest.strip():
        raise ValueError("takes NONE, or options and CMD with a command")
    given = exec_form(rest.strip())
    test = ["CMD-SHELL", rest.strip()] if given is None else ["CMD", *given]
    check: dict[str, object] = {"Test": test}
    for flag, text in instruction.flags.items():
        if flag == "retries":
            check["Retries"] = int(text)
        elif flag in _CHECK_FLAGS:
            check[_CHECK_FLAGS[flag]] = duration_ns(text)
        else:
            raise ValueError(f"--{flag} is unknown")
    stage.config["Healthcheck"] = check


def duration_ns(text: str) -> int:
    """``1m30s`` in nanoseconds. ValueError for what is no duration."""
    if not text or _DURATION.sub("", text):
        raise ValueError(f"{text!r} is no duration such as 30s or 1m30s")
    return round(sum(float(n) * _UNITS_NS[unit] for n, unit in _DURATION.findall(text)))


def working_dir(stage: StageState, instruction: Instruction, escape: str) -> str:
    """The folder that WORKDIR means, from the root."""
    given = expand(instruction.value, stage.variables, escape)
    return posixpath.normpath(posixpath.join("/", stage.working_dir, given)).replace("//", "/")


CHANGES: dict[str, Change] = {
    "CMD": _command,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "SHELL": _shell,
    "STOPSIGNAL": _stopsignal,
    "USER": _user,
    "VOLUME": _volume,
}
"""By instruction."""
